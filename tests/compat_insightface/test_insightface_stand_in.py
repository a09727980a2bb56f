from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_stand_in_and_what_is_loaded(root: Path) -> None:
    """In a fresh process: nothing heavy at the import, and the names of insightface."""
    code = f"""
import sys
import maskwise.compat.insightface as ours
assert not {{"onnxruntime", "PIL", "scipy", "skimage", "onnx"}} & set(sys.modules), "too much"
ours.stand_in()
ours.stand_in()
import insightface
from insightface.app import FaceAnalysis
from insightface.app.common import Face
from insightface.model_zoo import model_zoo, get_model
from insightface.utils import face_align
import insightface.utils.face_align
assert insightface is ours and Face is ours.app.common.Face
app = insightface.app.FaceAnalysis("mine", root={str(root)!r}, allowed_modules=["detection"])
app.prepare(ctx_id=-1)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_stand_in_refuses_the_real_one() -> None:
    code = """
import sys, types
sys.modules["insightface"] = types.ModuleType("insightface")
import maskwise.compat.insightface as ours
try:
    ours.stand_in()
except RuntimeError as error:
    assert "already" in str(error)
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
