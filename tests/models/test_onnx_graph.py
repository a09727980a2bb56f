from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from maskwise.errors import ModelError
from maskwise.models import store
from maskwise.models.runtime import onnx_graph
from maskwise.models.runtime.onnx_graph import GraphSummary, read_graph

SHIPPED = sorted(p for p in Path(store.__file__).with_name("files").glob("*.onnx"))
KINDS = [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64]


def by_onnx(path: Path, most_nodes: int) -> GraphSummary:
    """The same, by the onnx package."""
    model = onnx.load(str(path), load_external_data=False)
    nodes = model.graph.node[:most_nodes]
    tensors = {t.name: t for t in model.graph.initializer}
    scalars = {name: number(t) for name, t in tensors.items()}
    for node in nodes:
        if node.op_type == "Constant":
            value = helper.get_attribute_value(node.attribute[0])
            scalars[node.output[0]] = (
                number(value) if isinstance(value, TensorProto) else float(value)
            )
    return GraphSummary(
        ir_version=model.ir_version,
        opsets={o.domain or "ai.onnx": o.version for o in model.opset_import},
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        nodes=tuple((n.op_type, n.name) for n in nodes),
        node_inputs=tuple(tuple(n.input) for n in nodes),
        scalars={name: value for name, value in scalars.items() if value is not None},
        inputs=tuple(i.name for i in model.graph.input if i.name not in tensors),
        outputs=tuple(o.name for o in model.graph.output),
    )


def number(tensor: TensorProto) -> float | None:
    if tensor.data_location == TensorProto.EXTERNAL or any(size != 1 for size in tensor.dims):
        return None
    return float(numpy_helper.to_array(tensor).reshape(-1)[0])


def a_model() -> onnx.ModelProto:
    """x -> (x - 127.5) * 0.0078125, named as MXNet's converter names them."""
    return helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Sub", ["data", "minus"], ["a"], name="_minusscalar0"),
                helper.make_node("Constant", [], ["c"], name="k", value_float=0.0078125),
                helper.make_node("Mul", ["a", "c"], ["out"], name="_mulscalar0"),
            ],
            "g",
            [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, 112, 112])],
            [numpy_helper.from_array(np.array([127.5], np.float32), "minus")],
        ),
        producer_name="test",
        producer_version="2",
        opset_imports=[helper.make_opsetid("", 11), helper.make_opsetid("com.microsoft", 1)],
        ir_version=6,
    )


def written(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_what_insightface_looks_for_is_found(tmp_path: Path) -> None:
    assert read_graph(written(a_model(), tmp_path)) == GraphSummary(
        ir_version=6,
        opsets={"ai.onnx": 11, "com.microsoft": 1},
        producer="test 2",
        nodes=(("Sub", "_minusscalar0"), ("Constant", "k"), ("Mul", "_mulscalar0")),
        node_inputs=(("data", "minus"), (), ("a", "c")),
        scalars={"minus": 127.5, "c": 0.0078125},
        inputs=("data",),
        outputs=("out",),
    )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
@pytest.mark.parametrize("most_nodes", [0, 8, 100_000])
def test_shipped_models_read_as_onnx_reads_them(path: Path, most_nodes: int) -> None:
    assert read_graph(path, most_nodes) == by_onnx(path, most_nodes)


names = st.text(max_size=12)


@st.composite
def tensors(draw: st.DrawFn) -> TensorProto:
    kind = draw(st.sampled_from(KINDS))
    shape = draw(st.sampled_from([(), (1,), (1, 1), (2,), (1, 3), (0,)]))
    values = [draw(st.integers(-1000, 1000)) for _ in range(int(np.prod(shape)))]
    name = draw(names)
    if draw(st.booleans()):
        array = np.array(values, helper.tensor_dtype_to_np_dtype(kind)).reshape(shape)
        return numpy_helper.from_array(array, name)  # raw_data
    return helper.make_tensor(name, kind, shape, values)


@st.composite
def models(draw: st.DrawFn) -> onnx.ModelProto:
    nodes = [
        helper.make_node(
            draw(names), draw(st.lists(names, max_size=3)), ["o"], draw(names), domain=draw(names)
        )
        for _ in range(draw(st.integers(0, 5)))
    ]
    nodes += [
        helper.make_node("Constant", [], [draw(names)], value=tensor)
        for tensor in draw(st.lists(tensors(), max_size=2))
        if all(size == 1 for size in tensor.dims)
    ]
    initializers = draw(st.lists(tensors(), max_size=4, unique_by=lambda t: t.name))
    inputs = [helper.make_tensor_value_info(n, 1, [1]) for n in draw(st.lists(names, max_size=3))]
    inputs += [helper.make_tensor_value_info(t.name, 1, t.dims) for t in initializers[:1]]
    graph = helper.make_graph(nodes, "g", inputs, [], initializers, doc_string=draw(names))
    opsets = draw(st.dictionaries(names, st.integers(1, 2**40), min_size=1, max_size=3))
    return helper.make_model(
        graph,
        producer_name=draw(names).strip(),
        ir_version=draw(st.integers(1, 2**40)),
        opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items() if d != "ai.onnx"],
    )


@given(model=models(), most_nodes=st.integers(0, 8))
def test_any_model_reads_as_onnx_reads_it(
    model: onnx.ModelProto, most_nodes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(model, tmp_path_factory.mktemp("onnx"))
    assert read_graph(path, most_nodes) == by_onnx(path, most_nodes)


WHOLE = a_model().SerializeToString()


@given(data=st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: WHOLE + tail))
def test_whatever_the_bytes_nothing_but_a_model_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    answers(data, tmp_path_factory.mktemp("onnx"))


@given(at=st.integers(0, len(WHOLE) - 1), new=st.binary(max_size=4), cut=st.integers(0, 4))
def test_whatever_is_changed_nothing_but_a_model_error(
    at: int, new: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    answers(WHOLE[:at] + new + WHOLE[at + cut :], tmp_path_factory.mktemp("onnx"))


def answers(data: bytes, folder: Path) -> None:
    path = folder / "odd.onnx"
    path.write_bytes(data)
    try:
        found = read_graph(path)
    except ModelError as error:
        message = str(error)
    else:
        assert found.ir_version >= 1
        return
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize("length", range(1, len(WHOLE) - 30, 7))
def test_a_model_that_is_cut_short_is_called_so(length: int, tmp_path: Path) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(WHOLE[:length])
    with pytest.raises(ModelError, match="damaged or cut short"):
        read_graph(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04 and more", "it is a zip file: unpack it first"),
        (b"\n\n<!DOCTYPE html><html>", "it is a web page: the download went wrong"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\x80\x02}q\x00", "it is a pickle"),
        (b"\x18\x00\x00\x00ORTM and more", "one of ONNX Runtime's own"),
        (b"just some words", "is no ONNX file"),
    ],
)
def test_what_it_is_instead_is_said(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read_graph(path)
    assert words in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path, "a\0b"):
        with pytest.raises(ModelError, match="cannot be read"):
            read_graph(path)


def test_a_message_of_endless_parts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskwise.models.runtime.protobuf._MOST_FIELDS", 20)
    path = tmp_path / "long.onnx"
    path.write_bytes(b"\x08\x01" * 21)
    with pytest.raises(ModelError, match="more than 20 parts"):
        read_graph(path)


def test_long_names_are_cut(tmp_path: Path) -> None:
    model = a_model()
    model.graph.node[0].name = "n" * 5000
    name = read_graph(written(model, tmp_path)).nodes[0][1]
    assert name == "n" * onnx_graph._LONGEST_TEXT


def test_weights_in_another_file_are_not_looked_for(tmp_path: Path) -> None:
    model = a_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    assert read_graph(written(model, tmp_path)).scalars == {"c": 0.0078125}
