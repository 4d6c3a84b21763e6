"""Runs as a training leaves them, without the time it takes."""

from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.loading.codec_fit import fit_codec_to_dataset
from eqstream.seq2seq.config.sections import ModelRecipe
from eqstream.seq2seq.models.registry import make_model
from eqstream.seq2seq.runs.run_directory import RunDirectory, describe_run
from eqstream.seq2seq.training.state import save_model


def make_untrained_run(recipe, data_directory, run_directory, *, overwrite=False) -> None:
    """Writes a run whose model has its first weights, with a made-up log; no split chose its best epoch."""
    sections, manifest = ModelRecipe.from_recipe(recipe), load_manifest(data_directory)
    codec = fit_codec_to_dataset(manifest, sections.codec)
    run = RunDirectory(run_directory)
    run.create(overwrite=overwrite)
    run.write_description(describe_run(recipe, data_directory, manifest, validation_split=None))
    run.write_codec(codec)
    run.log_csv.write_text("epoch,loss,val_loss,val_exact_match\n1,2.5,2.0,0.0\n2,1.5,1.25,0.5\n")
    save_model(run.model_keras, make_model(sections.model, codec, seed=0))
