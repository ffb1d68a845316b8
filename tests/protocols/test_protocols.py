"""What one side writes the other reads, to the last bit; whatever else comes is refused in a sentence."""

import base64
import io
import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from privattack.errors import UserError
from privattack.protocols.base import Layout, ProtocolError
from privattack.protocols.instances import decode_instances, encode_predictions, mlflow, tensorflow
from privattack.protocols.template import Template
from privattack.protocols.v2 import LENGTH, TYPES, V2, Message, decode, encode

TENSORS = st.sampled_from(list(TYPES.values())).flatmap(
    lambda kind: arrays.arrays(
        kind,
        arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3),
        elements={"allow_nan": False, "allow_infinity": False} if "f" in kind else None,
    )
)
IMAGES = arrays.arrays(
    np.float32, (2, 3, 4, 5), elements=st.floats(0, 1, width=32).filter(lambda number: number == 0 or number > 1e-30)
)
WORDS = ["inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "binary_data_size", "predictions"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=8,
)


@given(tensors=st.dictionaries(st.text(), TENSORS, max_size=3), binary=st.booleans(), side=st.sampled_from(WORDS[:2]))
def test_tensors_arrive_as_they_were_sent(tensors, binary, side):
    body, headers = encode(Message(tensors, {"id": "a"}), side, binary=binary)
    came = decode(body, {name.lower(): value for name, value in headers.items()}, side)
    assert came.rest == {"id": "a"}
    assert list(came.tensors) == list(tensors)
    for name, sent in tensors.items():
        assert came.tensors[name].dtype == sent.dtype
        assert came.tensors[name].shape == sent.shape
        assert came.tensors[name].tobytes() == sent.tobytes()


def test_the_exchange_is_the_one_that_the_standard_shows():
    client = V2(model="digits", input="predict", output="predict_proba")
    body, _ = client.request(np.zeros((2, 3), dtype=np.float32))
    assert client.path == "/v2/models/digits/infer"
    tensor = {"name": "predict", "shape": [2, 3], "datatype": "FP32", "data": [0.0] * 6}
    assert json.loads(body) == {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]}
    output = {"name": "predict_proba", "shape": [2, 2], "datatype": "FP64", "data": [[0.25, 0.75], [0.5, 0.5]]}
    answered = client.answer(json.dumps({"model_name": "digits", "outputs": [output]}).encode(), {})
    assert answered.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    with pytest.raises(ProtocolError, match=r"no output predict_proba; it has predict"):
        client.answer(json.dumps({"outputs": [output | {"name": "predict"}]}).encode(), {})


def test_binary_tensors_follow_the_json():
    client = V2(model="m", version="2", input="a", output="b", binary=True)
    body, headers = client.request(np.ones((1, 2), dtype=np.float32))
    assert client.path == "/v2/models/m/versions/2/infer"
    length = int(headers[LENGTH])
    assert json.loads(body[:length])["inputs"][0]["parameters"] == {"binary_data_size": 8}
    assert body[length:] == np.ones(2, dtype="<f4").tobytes()


@given(images=IMAGES, order=st.sampled_from(["nchw", "nhwc", "flat"]), largest=st.sampled_from([1.0, 255.0]))
def test_images_are_laid_out_as_the_api_takes_them(images, order, largest):
    sent = Layout(order, largest).encode(images)
    back = sent.transpose(0, 3, 1, 2) if order == "nhwc" else sent.reshape(images.shape)
    np.testing.assert_array_equal(back, images * np.float32(largest))
    taken = Layout("nchw", 1.0, (0.5,), (0.25,)).encode(images)
    np.testing.assert_allclose(taken, (images - 0.5) / 0.25, rtol=1e-5)


@given(images=IMAGES, answers=arrays.arrays(np.float32, (2, 4), elements=st.floats(-1e4, 1e4, width=32)))
def test_instances_and_predictions_arrive_as_they_were_sent(images, answers):
    for client in (mlflow(), tensorflow(model="m")):
        body, _ = client.request(images)
        np.testing.assert_array_equal(decode_instances(body).astype(np.float32), images)
        np.testing.assert_array_equal(client.answer(encode_predictions(answers), {}).astype(np.float32), answers)
    assert tensorflow(model="m", version="3").path == "/v1/models/m/versions/3:predict"


def test_of_predictions_with_several_parts_one_is_read():
    rows = json.dumps({"predictions": [{"scores": [0.5, 0.5], "class": 0}]}).encode()
    assert tensorflow(model="m", output="scores").answer(rows, {}).tolist() == [[0.5, 0.5]]
    columns = json.dumps({"predictions": {"scores": [[0.5, 0.5]]}}).encode()
    assert mlflow(output="scores").answer(columns, {}).tolist() == [[0.5, 0.5]]


@given(images=IMAGES)
def test_a_template_is_filled_and_its_answer_found(images):
    client = Template(path="/ask", request='{"a": [{"b": "$images"}], "c": 1}', answer="results.*.scores")
    body, _ = client.request(images)
    content = json.loads(body)
    assert content["c"] == 1
    np.testing.assert_array_equal(np.float32(content["a"][0]["b"]), images)
    answered = client.answer(b'{"results": [{"scores": [1, 2]}, {"scores": [3, 4]}]}', {})
    assert answered.tolist() == [[1, 2], [3, 4]]


def test_an_image_can_be_sent_as_a_picture():
    client = Template(path="/", request='{"inputs": "$png"}', answer="scores")
    image = np.linspace(0, 1, 3 * 4 * 5, dtype=np.float32).reshape(1, 3, 4, 5)
    body, _ = client.request(image)
    opened = np.asarray(Image.open(io.BytesIO(base64.b64decode(json.loads(body)["inputs"]))))
    np.testing.assert_array_equal(opened.transpose(2, 0, 1), np.rint(image[0] * 255))
    assert client.answer(b'{"scores": [0.1, 0.9]}', {}).shape == (1, 2)


@pytest.mark.parametrize("request_", ["{", '{"a": "images"}'])
def test_a_template_that_cannot_work_is_refused(request_):
    with pytest.raises(UserError, match=r"^victim\.request=.* write a template such as"):
        Template(path="/", request=request_, answer="a")


@given(body=JSON.map(lambda content: json.dumps(content).encode()) | st.binary(), length=st.text(max_size=3))
def test_whatever_comes_is_read_or_refused(body, length):
    template = Template(path="/", request='["$images"]', answer="data.0.*.name")
    clients = [V2(model="m", input="a"), mlflow(), tensorflow(model="m", output="name"), template]
    pairs = [(client, headers) for client in clients for headers in ({}, {LENGTH: length})]
    readings = [lambda c=client, h=headers: c.answer(body, h) for client, headers in pairs]
    for read in [*readings, lambda: decode_instances(body)]:
        with suppress(ProtocolError):
            assert isinstance(read(), np.ndarray)
