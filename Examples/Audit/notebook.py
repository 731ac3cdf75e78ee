"""A model from a notebook, audited in a few lines: python Examples/Audit/notebook.py (needs PyTorch and Pillow)."""
import csv, pathlib, sys
import torch
from PIL import Image
from torch import nn

root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "Python"))
import seesaw

data = root / "Data/emoji"
rows = [row for row in csv.DictReader(open(data / "samples.csv", encoding="utf-8")) if row["split"] == "train"]
classes = sorted({row["label"] for row in rows})

def inputs(images, texts):
    x = torch.zeros(len(images), 2 * 512 + 12)
    for row, (image, text) in enumerate(zip(images, texts)):
        for word in (text or "").lower().replace(",", " ").replace(":", " ").split():
            x[row, sum(ord(c) * 31**i for i, c in enumerate(word)) % 1024] = 1
        if image is not None:
            x[row, 1024:] = torch.tensor(list(image.resize((2, 2)).tobytes())) / 255
    return x

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(1036, 64), nn.ReLU(), nn.Linear(64, len(classes)))
x = inputs([Image.open(data / row["image"]).convert("RGB") for row in rows], [row["text"] for row in rows])
y, optimizer = torch.tensor([classes.index(row["label"]) for row in rows]), torch.optim.Adam(model.parameters(), 3e-3)
for _ in range(60):
    optimizer.zero_grad(); nn.functional.cross_entropy(model(x), y).backward(); optimizer.step()

def predict(samples):
    return model(inputs([s["image"] for s in samples], [s["text"] for s in samples])).softmax(1)

print(seesaw.audit(predict, data, out="runs/audit-notebook", classes=classes, samples=100, swaps=4, grid=20))
