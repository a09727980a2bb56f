from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from maskwise.compat.insightface.app.common import Face

ABSENT = ("kps", "embedding", "gender", "age", "pose", "landmark_2d_106", "landmark_3d_68")


@pytest.fixture
def face() -> Face:
    vector = np.arange(1, 513, dtype=np.float32)
    box = np.array([1, 2, 30, 40], np.float32)
    return Face(bbox=box, det_score=np.float32(0.75), embedding=vector)


class TestAccess:
    def test_items_and_attributes_are_one(self, face: Face) -> None:
        assert face.bbox is face["bbox"]
        face.name = "Mei"
        face["seen"] = 3
        assert face["name"] == "Mei"
        assert face.seen == 3
        assert list(face) == ["bbox", "det_score", "embedding", "name", "seen"]
        face.update(seen=4)
        assert face.seen == 4
        del face.seen
        assert "seen" not in face

    def test_of_a_dict_and_of_keywords(self) -> None:
        given = {"bbox": 1, "age": 5}
        face = Face(given, age=6)
        assert face == {"bbox": 1, "age": 6}
        assert given == {"bbox": 1, "age": 5}, "the caller's dict was changed"

    @pytest.mark.parametrize("name", ABSENT)
    def test_what_may_be_absent_is_none(self, name: str) -> None:
        face = Face(bbox=np.zeros(4, np.float32))
        assert getattr(face, name) is None
        with pytest.raises(KeyError):
            face[name]
        assert face.get(name) is None

    @pytest.mark.parametrize("name", ["embeding", "box", "landmark", "__wrapped__"])
    def test_what_there_is_not_raises(self, face: Face, name: str) -> None:
        with pytest.raises(AttributeError, match="has no"):
            getattr(face, name)
        assert not hasattr(face, name)
        with pytest.raises(AttributeError):
            delattr(face, name)

    def test_the_message_lists_what_there_is(self, face: Face) -> None:
        with pytest.raises(AttributeError, match="bbox, det_score, embedding, embedding_norm"):
            _ = face.embeding
        assert "embedding" in dir(face)

    def test_dicts_become_faces_and_tuples_lists(self) -> None:
        face = Face(box={"x": 1}, many=({"y": 2}, 3))
        assert face.box.x == 1
        assert face.many[0].y == 2
        assert face.many[1] == 3
        assert isinstance(face.many, list)


class TestComputed:
    def test_norm_and_direction(self, face: Face) -> None:
        length = np.linalg.norm(face.embedding)
        assert face.embedding_norm == length
        assert face.normed_embedding is not None
        np.testing.assert_array_equal(face.normed_embedding, face.embedding / length)
        assert face.normed_embedding.dtype == np.float32

    def test_none_without_an_embedding(self) -> None:
        assert Face().embedding_norm is None
        assert Face().normed_embedding is None

    @pytest.mark.parametrize(("gender", "sex"), [(1, "M"), (0, "F"), (None, None)])
    def test_sex(self, gender: int | None, sex: str | None) -> None:
        assert Face(gender=gender).sex == sex

    @pytest.mark.parametrize("name", ["sex", "normed_embedding", "embedding_norm"])
    def test_cannot_be_set(self, face: Face, name: str) -> None:
        with pytest.raises(AttributeError, match="follows from"):
            setattr(face, name, 1)
        with pytest.raises(AttributeError, match="follows from"):
            face[name] = 1


class TestCopies:
    def test_pickle(self, face: Face) -> None:
        back = pickle.loads(pickle.dumps(face))
        assert type(back) is Face
        np.testing.assert_array_equal(back.embedding, face.embedding)
        assert back.det_score == face.det_score

    def test_copy(self, face: Face) -> None:
        shallow, deep = copy.copy(face), copy.deepcopy(face)
        assert type(shallow) is type(deep) is Face
        assert shallow.bbox is face.bbox
        assert deep.bbox is not face.bbox
        deep.bbox[0] = 9
        assert face.bbox[0] == 1
