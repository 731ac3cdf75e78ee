/// A script that fills a file of predictions, for people to change.
enum AuditTemplate {
  /// 25 lines; it runs as it is, on a made-up model.
  static let script = """
    import numpy as np  # fills predictions.npz for: seesaw audit predictions.npz

    def predict(images, texts):  # YOUR MODEL: lists, None where absent -> probabilities [N, C]
        logits = np.zeros((len(images), len(classes)))
        for row, (image, text) in enumerate(zip(images, texts)):
            logits[row, (image or 0) % 3] += 1.0 if image is not None else 0.0
            logits[row, len(text or "") % 3] += 2.0
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    rng = np.random.default_rng(0)  # YOUR DATA: images, texts and class numbers of the test samples
    classes, labels = np.array(["a", "b", "c"]), rng.integers(0, 3, 300)
    images = [label + 3 * rng.integers(0, 9) if rng.random() < 0.7 else rng.integers(0, 27) for label in labels]
    texts = ["x" * (label + 3) if rng.random() < 0.9 else "xxxx" for label in labels]
    black, empty, none, n, half = 0, "", [None] * len(labels), len(labels), np.arange(100)

    table = dict(labels=labels, classes=classes, modalities=np.array(["image", "text"]), full=predict(images, texts))
    table |= {"missing:image": predict([black] * n, texts), "missing:text": predict(images, [empty] * n)}  # silent
    table |= {"absent:image": predict(none, texts), "absent:text": predict(images, none)}  # declared: None
    for k in range(10):
        i, j = rng.permutation(n), rng.permutation(n)
        table |= {f"swap:image:{k}": predict([images[p] for p in i], texts), f"swap:image:{k}:index": i}
        table |= {f"swap:text:{k}": predict(images, [texts[p] for p in j]), f"swap:text:{k}:index": j}
    table |= {"grid": np.array([predict([images[p]] * 100, texts[:100]) for p in half]), "grid:index": half}
    np.savez("predictions.npz", **table)

    """
}
