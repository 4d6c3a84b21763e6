"""Installs one package, `eqstream`; its `data`, `pipelines` and `seq2seq` are links to the folders of these names."""

import re
import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent

if not (HERE / "eqstream" / "data").is_dir():
    sys.exit(
        "eqstream/data must be a symbolic link to the folder data, and is none in this copy: "
        "clone it with `git clone -c core.symlinks=true`, or unpack it with a program that keeps links"
    )

# Read, not imported: what the package imports may not be installed yet.
(VERSION,) = re.findall('^EQSTREAM_VERSION = "(.*)"$', (HERE / "eqstream/data/versions.py").read_text(), re.MULTILINE)

# Apart from the rest, because a Beam worker builds and verifies without them.
MODELS = ["tensorflow>=2.20", "keras>=3.13", "matplotlib>=3.9", "h5py>=3.11"]
READERS = [
    "tensorflow-datasets>=4.9.9",
    "datasets>=4",
    "duckdb>=1.4",
    "grain>=0.2.10",
    "mlcroissant>=1.0.20",
]
# pyright's `nodejs` extra brings Node.js as a wheel, so that linting fetches nothing at run time; setuptools builds the
# editable install without an isolated environment.
# A server of the tests speaks S3: moto's, which asks for flask and flask-cors in an extra that brings much more.
TEST = [
    "pytest>=9",
    "moto[s3]>=5",
    "flask>=3",
    "flask-cors>=6",
    "pytest-cov>=6",
    "pytest-xdist>=3.8",
    "hypothesis>=6.100",
    "ruff>=0.12",
    "pyright[nodejs]>=1.1.400",
    "psutil>=6",
    "setuptools>=77",
]
# TFDS' builder, measured beside eqstream, imports a backport that it does not ask for.
BENCH = ["importlib_resources>=6", "psutil>=6"]

PACKAGES = [
    "eqstream",
    "eqstream.commands",
    "eqstream.data",
    "eqstream.data.dataset",
    "eqstream.data.formats",
    "eqstream.data.loading",
    "eqstream.data.reference",
    "eqstream.data.solutions",
    "eqstream.data.space",
    "eqstream.data.splits",
    "eqstream.data.streams",
    "eqstream.pipelines",
    "eqstream.pipelines.building",
    "eqstream.pipelines.checks",
    "eqstream.pipelines.checks.bulk",
    "eqstream.pipelines.estimation",
    "eqstream.pipelines.metadata",
    "eqstream.pipelines.runtime",
    "eqstream.seq2seq",
    "eqstream.seq2seq.analysis",
    "eqstream.seq2seq.config",
    "eqstream.seq2seq.figures",
    "eqstream.seq2seq.layers",
    "eqstream.seq2seq.models",
    "eqstream.seq2seq.runs",
    "eqstream.seq2seq.training",
]

setup(
    name="eqstream",
    version=VERSION,
    description="Exactly counted, leak-free datasets of arithmetic equations, and the models evaluated on them",
    long_description=(HERE / "README.md").read_text(encoding="utf-8") if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=PACKAGES,
    package_data={
        "eqstream": ["py.typed"],
        "eqstream.data": ["recipes/*.yaml"],
        "eqstream.seq2seq": ["trained/*/*", "trained/*/reports/*"],
    },
    install_requires=[
        "numpy>=2.0",
        "pyarrow>=18",
        "PyYAML>=6",
        "apache-beam>=2.70",
        "google-crc32c>=1.5",
        "protobuf>=5",
        "grpcio>=1.60",
        "click>=8.1",
        "tqdm>=4.66",
    ],
    extras_require={
        "models": MODELS,
        "readers": READERS,
        "test": TEST + MODELS + READERS,
        "bench": BENCH + MODELS + READERS,
        "tensorboard": [*MODELS, "tensorboard"],
    },
    entry_points={"console_scripts": ["eqstream = eqstream.cli:main"]},
)
