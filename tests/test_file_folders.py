"""Folders of texts and sounds as datasets, and folders of any kind."""

import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seqir
from seqir import layers, utils
from seqir.data import TensorSpec, from_folder
from seqir.data.sounds import AudioDataset
from seqir.data.texts import TextDataset
from seqir.data.wav import read_wav
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    LoadError,
    UnsupportedError,
)
from seqir.images import ImageDataset

TEXTS = {
    "neg": {"0.txt": "a bad film", "1.txt": "", "2.txt": "bad, bad", "x.md": "no"},
    "pos": {"10.txt": "a good film", "9.txt": "schön gut\n"},
    "unsup": {"3.txt": "nobody knows"},
}
RNG = np.random.default_rng(0)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    for label, files in TEXTS.items():
        (tmp_path / label).mkdir()
        for name, text in files.items():
            (tmp_path / label / name).write_text(text, "utf-8")
    return tmp_path


def texts(folder: Path, **options: Any) -> Any:
    return utils.text_dataset_from_directory(folder, verbose=False, **options)


def sounds(folder: Path, **options: Any) -> Any:
    return utils.audio_dataset_from_directory(folder, verbose=False, **options)


def test_texts_of_a_folder_and_their_labels(reviews: Path) -> None:
    from keras.src.utils import dataset_utils

    index: Any = dataset_utils.index_directory
    paths, numbers, names = index(
        str(reviews), "inferred", (".txt",), seed=3, verbose=False
    )
    dataset = texts(reviews, seed=3, batch_size=4)
    assert (dataset.file_paths, dataset.class_names) == (paths, names)
    assert len(dataset) == 2
    batches = list(dataset)
    assert np.concatenate([y for _, y in batches]).tolist() == list(numbers)
    found = np.concatenate([x for x, _ in batches])
    assert found.tolist() == [Path(p).read_text("utf-8") for p in paths]
    assert dataset.element_spec[0] == TensorSpec((None,), "string")

    two = texts(reviews, class_names=["pos", "neg"], shuffle=False, label_mode="binary")
    ((x, y),) = two
    assert x[0] == "a good film"
    assert y.tolist() == [[0], [0], [1], [1], [1]]
    single = texts(reviews, labels=None, batch_size=None, shuffle=False, max_length=4)
    assert [x.item() for x in single] == ["a ba", "", "bad,", "a go", "sch", "nobo"]
    first, last = texts(reviews, validation_split=0.5, subset="both", seed=1)
    assert sorted(first.file_paths + last.file_paths) == sorted(paths)
    part = texts(reviews, validation_split=0.5, subset="validation", seed=1)
    assert part.file_paths == last.file_paths


def test_a_model_reads_a_folder_of_texts(reviews: Path) -> None:
    def alone(x: Any, y: Any) -> Any:
        return x

    def vectorized(x: Any, y: Any) -> Any:
        return vectorize(x), y

    training = texts(reviews, class_names=["neg", "pos"], batch_size=2, seed=0)
    vectorize = layers.TextVectorization(output_sequence_length=3)
    vectorize.adapt(training.map(alone))
    assert vectorize.get_vocabulary()[2] == "bad"
    words = training.map(vectorized).cache().prefetch()
    inputs = seqir.Input((3,), dtype="int64")
    x = layers.Embedding(vectorize.vocabulary_size(), 4)(inputs)
    x = layers.Dense(1, "sigmoid")(layers.GlobalAveragePooling1D()(x))
    model = seqir.Model(inputs, x)
    model.compile(seqir.optimizers.Adam(0.1), "binary_crossentropy")
    losses = model.fit(words, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]


def test_texts_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9 noir")
    (tmp_path / "b.txt").write_bytes("Rosé".encode()[:-1])
    dataset = texts(tmp_path, labels=None, batch_size=None, shuffle=False)
    for index, text in enumerate((r"a\.txt is not text in UTF-8: .* at byte 3; w",
                                  r"b\.txt is not text in UTF-8: unex")):  # fmt: skip
        with pytest.raises(CorruptFileError, match=text):
            dataset[index]
    (tmp_path / "b.txt").unlink()
    with pytest.raises(LoadError, match=r"there is no file .*b\.txt"):
        dataset[1]
    with pytest.raises(
        ArgumentError, match="max_length must be an integer >= 1, got 0"
    ):
        texts(tmp_path, max_length=0)
    with pytest.raises(UnsupportedError, match="format='grain' asks for a dataset"):
        texts(tmp_path, format="grain")


def write(path: Path, numbers: Any, bits: int, rate: int = 16000) -> Any:
    """Numbers from -1 to 1 as a file of the standard library; what it must give."""
    whole = np.round(np.asarray(numbers) * (2 ** (bits - 1) - 1)).astype(np.int64)
    kept = (whole + 128 if bits == 8 else whole).reshape(len(whole), -1)
    content = kept.astype("<i8").reshape(-1, 1).view(np.uint8)[:, : bits // 8]
    with wave.open(str(path), "wb") as file:
        file.setparams((kept.shape[1], bits // 8, rate, 0, "NONE", ""))
        file.writeframes(content.tobytes())
    return (whole.reshape(len(whole), -1) / 2 ** (bits - 1)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_sounds_have_their_amplitudes(tmp_path: Path, bits: int, channels: int) -> None:
    numbers = np.concatenate((np.ones((1, channels)), -np.ones((1, channels)),
                              RNG.uniform(-1, 1, (20, channels))))  # fmt: skip
    expected = write(tmp_path / "a.wav", numbers, bits, 8000)
    found = read_wav(str(tmp_path / "a.wav"))
    assert found.rate == 8000
    assert found.samples.dtype == np.float32
    np.testing.assert_array_equal(found.samples, expected)
    np.testing.assert_array_equal(read_wav(str(tmp_path / "a.wav"), 5)[0], expected[:5])


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def form(code: int, channels: int, bits: int, extra: bytes = b"") -> bytes:
    width = channels * bits // 8
    rates = 8000, 8000 * width
    return struct.pack("<HHIIHH", code, channels, *rates, width, bits) + extra


def test_sounds_of_other_writers(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    floats = np.array([0.5, -0.25, 1.5, 0], "<f4")
    path.write_bytes(
        riff((b"LIST", b"odd"), (b"fmt ", form(3, 2, 32)), (b"data", floats.tobytes()))
    )
    assert read_wav(str(path)).samples.tolist() == [[0.5, -0.25], [1.5, 0]]
    guid = struct.pack("<HHIH", 22, 24, 4, 1) + bytes(14)
    data = b"\0\0\x40\0\0\xc0" + b"\1"  # and a byte too many
    path.write_bytes(riff((b"fmt ", form(0xFFFE, 1, 24, guid)), (b"data", data)))
    assert read_wav(str(path)).samples.tolist() == [[0.5], [-0.5]]
    path.write_bytes(path.read_bytes()[:-5])  # what is there is taken
    assert read_wav(str(path)).samples.tolist() == [[0.5]]
    for content, error, text in (
        (b"ID3 music", CorruptFileError, r"a\.wav is not a WAV file: it has no RIFF"),
        (riff((b"fmt ", form(1, 1, 16))), CorruptFileError, "it says no format, or"),
        (riff((b"fmt ", form(1, 0, 16)), (b"data", b"")), CorruptFileError, "0 channe"),
        (riff((b"fmt ", form(7, 1, 8)), (b"data", b"")), UnsupportedError, "of mu-law"),
        (riff((b"fmt ", form(99, 1, 8)), (b"data", b"")), UnsupportedError, "code 99"),
    ):
        path.write_bytes(content)
        with pytest.raises(error, match=text):
            read_wav(str(path))


def test_batches_of_sounds(tmp_path: Path) -> None:
    kept = []
    for label, length in (("high", 7), ("high", 4), ("low", 9)):
        (tmp_path / label).mkdir(exist_ok=True)
        path = tmp_path / label / f"{length}.wav"
        kept.append(write(path, RNG.uniform(-1, 1, length), 16))
    kept[:2] = kept[1::-1]  # in the order of their names
    ((x, y),) = sounds(tmp_path, shuffle=False)
    assert (x.shape, y.tolist()) == ((3, 9, 1), [0, 0, 1])
    for row, samples in zip(x, kept, strict=True):
        np.testing.assert_array_equal(row[: len(samples)], samples)
        assert not row[len(samples) :].any()
    ((x, _),) = sounds(tmp_path, shuffle=False, output_sequence_length=5)
    assert (x.shape, x.dtype) == ((3, 5, 1), np.float32)
    np.testing.assert_array_equal(x[1], kept[1][:5])
    assert not x[0, 4:].any()
    lengths = [len(x) for x in sounds(tmp_path, labels=None, batch_size=None)]
    assert sorted(lengths) == [4, 7, 9]
    assert len(sounds(tmp_path, sampling_rate=16000)[0][0]) == 3
    with pytest.raises(
        ArgumentError, match=r"\.wav has 16000 samples in a second, and"
    ):
        sounds(tmp_path, sampling_rate=8000)[0]
    with pytest.raises(ArgumentError, match="sampling_rate must be an integer >= 1"):
        sounds(tmp_path, sampling_rate=0)
    with pytest.raises(UnsupportedError, match="leave ragged=False, which fills"):
        sounds(tmp_path, ragged=True)


def test_a_folder_says_by_its_files_what_it_is(
    reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (reviews / "unsup" / "3.txt").unlink()
    (reviews / "unsup").rmdir()
    found = from_folder(reviews, batch_size=2, seed=0)
    assert isinstance(found, TextDataset)
    assert len(found) == 3
    assert "Found 5 files belonging to 2 classes." in capsys.readouterr().err
    other = reviews / "other"
    other.mkdir()
    (other / "readme.txt").write_text("pictures are in folders")
    (other / "red").mkdir()
    with pytest.raises(ArgumentError, match=r"no texts in .*/other: expected files"):
        from_folder(other)
    assert len(from_folder(other, labels=None, verbose=False)) == 1
    Image.new("RGB", (4, 4)).save(other / "red" / "a.PNG")
    pictures = from_folder(other, image_size=2, verbose=False)
    assert isinstance(pictures, ImageDataset)
    assert pictures[0][0].shape == (1, 2, 2, 3)
    write(other / "red" / "a.wav", [0.5], 16)
    with pytest.raises(ArgumentError, match="has pictures and sounds: say which by ca"):
        from_folder(other)
    (other / "red" / "a.PNG").unlink()
    assert isinstance(from_folder(other, verbose=False), AudioDataset)
    (reviews / "empty").mkdir()
    with pytest.raises(ArgumentError, match="there are no pictures, texts or sounds"):
        from_folder(reviews / "empty")
    with pytest.raises(ArgumentError, match=r"there is no folder .*nowhere"):
        from_folder(reviews / "nowhere")
