from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import insight_models as built
import pytest

from maskwise.compat.insightface import files
from maskwise.compat.insightface.app import FaceAnalysis
from maskwise.errors import LicenceError, ModelError
from maskwise.models import licences, place

BOTH = ["detection", "recognition"]


class TestFindingFiles:
    def test_detector_and_encoder_are_told_by_their_shapes(self, root: Path) -> None:
        folder = root / "models" / "mine"
        (folder / "det_10g.onnx").rename(folder / "x.onnx")
        (folder / "w600k_r50.onnx").rename(folder / "a.onnx")
        app = FaceAnalysis("mine", root=str(root), allowed_modules=BOTH)
        assert sorted(app.models) == BOTH
        assert app.det_model is app.models["detection"]
        assert app.det_model.model_file == str(folder / "x.onnx")
        assert app.models["recognition"].model_file == str(folder / "a.onnx")
        assert app.model_dir == str(folder)

    def test_the_first_of_a_kind_counts(self, root: Path) -> None:
        folder = root / "models" / "mine"
        built.write_detector(folder / "aaa.onnx", points=False)
        app = FaceAnalysis("mine", root=root, allowed_modules=["detection"])
        assert app.det_model.model_file == str(folder / "aaa.onnx")
        assert list(app.models) == ["detection"]

    @pytest.mark.parametrize(
        ("file", "task"),
        [
            ("1k3d68", "landmark_3d_68"),
            ("2d106det", "landmark_2d_106"),
            ("det_10g", "detection"),
            ("genderage", "genderage"),
            ("w600k_r50", "recognition"),
        ],
    )
    def test_tasks(self, written: Path, file: str, task: str) -> None:
        assert files.task_of(written / f"{file}.onnx") == task

    def test_a_folder_in_the_folder(self, root: Path) -> None:
        """antelopev2's zip has one, over which insightface stumbles."""
        folder = root / "models" / "mine"
        inner = folder / "mine"
        inner.mkdir()
        for file in folder.glob("*.onnx"):
            file.rename(inner / file.name)
        assert FaceAnalysis("mine", root=root, allowed_modules=BOTH).model_dir == str(inner)

    def test_a_path_instead_of_a_name(self, root: Path) -> None:
        folder = root / "models" / "mine"
        app = FaceAnalysis(str(folder), root="/nowhere", allowed_modules=BOTH)
        assert app.model_dir == str(folder)

    def test_a_home(self, root: Path, home: Path) -> None:
        shutil.copytree(root / "models" / "mine", home / ".insightface" / "models" / "mine")
        app = FaceAnalysis("mine", allowed_modules=BOTH)
        assert app.model_dir == str(home / ".insightface" / "models" / "mine")

    def test_nothing_there(self, home: Path) -> None:
        with pytest.raises(ModelError, match=r"maskwise models pull buffalo_l$"):
            FaceAnalysis()
        with pytest.raises(ModelError, match="antelopev2, buffalo_l"):
            FaceAnalysis("bufalo_l")
        assert not (home / ".insightface").exists()

    def test_no_detector(self, root: Path) -> None:
        (root / "models" / "mine" / "det_10g.onnx").unlink()
        with pytest.raises(ModelError, match=r"no detector, only 1k3d68\.onnx, 2d106det"):
            FaceAnalysis("mine", root=root, allowed_modules=BOTH)

    def test_a_file_that_is_no_model(self, root: Path) -> None:
        file = root / "models" / "mine" / "det_10g.onnx"
        file.write_bytes(file.read_bytes()[:1000])
        with pytest.raises(ModelError, match="det_10g"):
            FaceAnalysis("mine", root=root, allowed_modules=BOTH)


class TestManifest:
    """Packs of insightface 2."""

    @pytest.fixture
    def folder(self, root: Path) -> Path:
        """With a verifier, which has an encoder's shape and comes first."""
        folder = root / "models" / "mine"
        built.write_encoder(folder / "averifier.onnx")
        return folder

    def write(self, folder: Path, **tasks: Any) -> None:
        pack = {"manifest_version": 2, "model_id": "mine", "license": "", "tasks": tasks}
        (folder / "manifest.json").write_text(json.dumps(pack), "utf-8")

    def test_says_what_is_what(self, root: Path, folder: Path) -> None:
        without = FaceAnalysis("mine", root=root, allowed_modules=BOTH)
        assert without.models["recognition"].model_file.endswith("averifier.onnx")
        self.write(
            folder,
            detection={"file": "det_10g.onnx", "preprocessing": {"mean": 127.5, "std": 128}},
            verification={"file": "averifier.onnx"},
            recognition={"file": "w600k_r50.onnx"},
        )
        app = FaceAnalysis("mine", root=root, allowed_modules=BOTH)
        assert app.models["recognition"].model_file.endswith("w600k_r50.onnx")
        app.prepare(-1, det_size=(320, 320))
        assert app.get(built.picture(1))[0].embedding.shape == (512,)

    def test_older_ones_say_nothing(self, root: Path, folder: Path) -> None:
        (folder / "manifest.json").write_text('{"manifest_version": 1}', "utf-8")
        assert FaceAnalysis("mine", root=root, allowed_modules=BOTH).det_model

    @pytest.mark.parametrize(
        ("task", "message"),
        [
            ({"file": "gone.onnx"}, "not there"),
            ({"file": "../../../x.onnx"}, "outside its folder"),
            ({"file": "det_10g.onnx", "sha256": "0" * 64}, "sha256 differs"),
            ({"file": "det_10g.onnx", "preprocessing": "embedded"}, "wants pixels as 'embedded'"),
            ({}, "makes no sense"),
            ("det_10g.onnx", "makes no sense"),
        ],
    )
    def test_refused(self, root: Path, folder: Path, task: Any, message: str) -> None:
        self.write(folder, detection=task)
        with pytest.raises(ModelError, match=message):
            FaceAnalysis("mine", root=root, allowed_modules=BOTH)

    def test_no_json(self, root: Path, folder: Path) -> None:
        (folder / "manifest.json").write_text("{", "utf-8")
        with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
            FaceAnalysis("mine", root=root, allowed_modules=BOTH)


class TestLicence:
    @pytest.fixture
    def theirs(self, root: Path) -> Path:
        """The pack under the name of one of insightface's."""
        (root / "models" / "mine").rename(root / "models" / "buffalo_l")
        return root

    def test_is_wanted_once(self, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(LicenceError, match="maskwise models accept insightface-models"):
            FaceAnalysis("buffalo_l", root=theirs, allowed_modules=BOTH)
        monkeypatch.setenv(licences.ACCEPT_VARIABLE, "insightface-models")
        assert FaceAnalysis("buffalo_l", root=theirs, allowed_modules=BOTH).det_model

    def test_the_store(self, written: Path, home: Path) -> None:
        """What lies in the store is held to the pack's sha256, which drawn files do not have."""
        assert place.folder() == home / "store"
        shutil.copytree(written, home / "store" / "buffalo_l")
        with pytest.raises(LicenceError, match="insightface-models"):
            FaceAnalysis("buffalo_l", allowed_modules=BOTH)
        licences.accept("insightface-models")
        with pytest.raises(ModelError, match=r"det_10g\.onnx is damaged"):
            FaceAnalysis("buffalo_l", allowed_modules=BOTH)
