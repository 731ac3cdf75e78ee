"""The log spectrogram of the field's loaders for CREMA-D, with torch.stft (as librosa.stft computes it).

Writes Tests/Golden/spectrogram.json: a few windows of the spectrogram of a sound that the test makes too.
"""

import numpy
import torch

from .common import GOLDEN, versions, write_json

RATE, SIZE, HOP, COUNT = 22050, 512, 353, 4000


def sound() -> torch.Tensor:
    """Two tones, the second of which rises."""
    n = numpy.arange(COUNT, dtype=numpy.float64)
    x = 0.5 * numpy.sin(2 * numpy.pi * 440 * n / RATE) + 0.25 * numpy.sin(0.3 * n + 1e-5 * n * n)
    return torch.from_numpy(x.astype(numpy.float32)).double()


def main() -> None:
    spectrum = torch.stft(
        sound(), n_fft=SIZE, hop_length=HOP, window=torch.hann_window(SIZE, periodic=True, dtype=torch.float64),
        center=True, pad_mode="constant", return_complex=True,
    )
    values = torch.log(spectrum.abs() + 1e-7).T
    write_json(
        GOLDEN / "spectrogram.json",
        {
            "made": versions(), "frames": values.shape[0], "bins": values.shape[1],
            "rows": {str(frame): values[frame].tolist() for frame in (0, 5, values.shape[0] - 1)},
        },
    )


if __name__ == "__main__":
    main()
