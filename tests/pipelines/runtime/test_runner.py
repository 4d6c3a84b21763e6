"""What a pipeline that is run leaves behind."""

import tempfile

import apache_beam as beam

from eqstream.pipelines.runtime.runner import Execution


def test_nothing_lies_in_the_folder_for_temporary_files_before_a_pipeline_runs_or_after(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = []

    def construct(pipeline):
        found.append(list(tmp_path.iterdir()))
        return pipeline | beam.Create([1])

    Execution().run(construct, 1)
    assert found == [[]]
    assert list(tmp_path.iterdir()) == []
