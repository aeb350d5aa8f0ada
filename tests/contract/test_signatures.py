"""Signatures, credentials and TLS, as botocore and `aws` make and take them."""

import datetime
import hashlib
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import botocore.auth
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, SSLError
from conftest import serving

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
TEMPORARY = ("ASIAIOSFODNN7EXAMPLE", "another/secret", "token/of+the=session")
JSON = "application/x-amz-json-1.1"
LIST = {"Content-Type": JSON, "X-Amz-Target": "Kinesis_20131202.ListStreams"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A file as `aws configure` writes it."""
    path = tmp_path_factory.mktemp("keys") / "credentials"
    path.write_text(
        f"[default]\naws_access_key_id = {KEY[0]}\naws_secret_access_key = {KEY[1]}\n\n"
        f"[session]\naws_access_key_id = {TEMPORARY[0]}\n"
        f"aws_secret_access_key = {TEMPORARY[1]}\naws_session_token = {TEMPORARY[2]}\n"
    )
    return path


@pytest.fixture(scope="module")
def guarded(hosts, keys):
    """A host that knows two keys."""
    return hosts(["--credentials", str(keys)])


@pytest.fixture(scope="module")
def secure(hosts, keys):
    """The same with TLS, under a certificate of its own."""
    return hosts(["--credentials", str(keys), "--tls-self-signed"])


def client(url, key=KEY, region="us-east-1", **arguments):
    return boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        aws_session_token=key[2] if len(key) > 2 else None,
        config=Config(retries={"total_max_attempts": 1}),
        **arguments,
    )


def refusal(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return answer["Error"]["Code"], answer["Error"]["Message"]


def post(url, headers):
    """Sends `{}` with just these headers; status and body."""
    request = urllib.request.Request(url, data=b"{}", headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("key", [KEY, TEMPORARY])
def test_the_right_secret_opens(guarded, key):
    kinesis = client(guarded.url, key)
    kinesis.create_stream(StreamName=key[0], ShardCount=1)
    put = kinesis.put_record(StreamName=key[0], PartitionKey="\u00e9 k", Data=b"x" * 100_000)
    assert put["ShardId"] == "shardId-000000000000"
    kinesis.delete_stream(StreamName=key[0])


@pytest.mark.parametrize(
    "key, code, text",
    [
        ((KEY[0], "wrong"), "InvalidSignatureException", "does not match the signature"),
        (("AKIAUNKNOWN", KEY[1]), "UnrecognizedClientException", "security token"),
        ((*KEY, "token"), "UnrecognizedClientException", "security token"),
        ((*TEMPORARY[:2], "other"), "UnrecognizedClientException", "security token"),
        (TEMPORARY[:2], "UnrecognizedClientException", "security token"),
    ],
)
def test_what_is_wrong_with_a_key_is_said_as_at_amazon(guarded, key, code, text):
    said = refusal(client(guarded.url, key).list_streams)
    assert said[0] == code
    assert text in said[1]


@pytest.mark.parametrize(
    "minutes, text", [(-16, "Signature expired"), (16, "Signature not yet current"), (-14, None)]
)
def test_clocks_may_differ_by_a_quarter_of_an_hour(guarded, monkeypatch, minutes, text):
    there = botocore.auth.get_current_datetime
    skew = datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: there(*a, **k) + skew)
    kinesis = client(guarded.url)
    if text is None:
        kinesis.list_streams()
        return
    code, message = refusal(kinesis.list_streams)
    assert code == "InvalidSignatureException"
    assert message.startswith(text)


class Presigner(SigV4QueryAuth):
    """Signs into the query what is sent with a body that is not part of it."""

    def payload(self, request):
        return hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_presigned_address_opens_for_its_region(guarded, region):
    kinesis = client(guarded.url, region=region)
    kinesis.create_stream(StreamName=f"in-{region}", ShardCount=1)
    request = AWSRequest("POST", guarded.url + "/", headers=LIST)
    Presigner(Credentials(*KEY), "kinesis", region, expires=60).add_auth(request)
    status, body = post(request.url, LIST)
    assert status == 200, body
    assert f"in-{region}" in body
    assert "in-us-east-1" not in body or region == "us-east-1"
    kinesis.delete_stream(StreamName=f"in-{region}")
    status, body = post(request.url.replace("Expires=60", "Expires=61"), LIST)
    assert (status, "InvalidSignatureException" in body) == (400, True)


def test_unsigned_and_malformed_requests_are_refused_with_and_without_credentials(
    guarded, endpoint
):
    for url in [guarded.url, endpoint]:
        status, body = post(url, LIST)
        assert (status, "MissingAuthenticationTokenException" in body) == (400, True), body
        status, body = post(url, LIST | {"Authorization": "AWS4-HMAC-SHA256 Credential=a"})
        assert (status, "IncompleteSignatureException" in body) == (400, True), body
        assert "requires 'Signature' parameter" in body
    kinesis = client(endpoint, ("whoever", "whatever"))
    kinesis.list_streams()


def aws(url, *arguments, key=KEY):
    command = pathlib.Path(sys.executable).with_name("aws")
    keys = {"AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1]}
    return subprocess.run(
        [command, "--endpoint-url", url, *arguments, "kinesis", "list-streams"],
        capture_output=True,
        text=True,
        env=os.environ | keys | {"AWS_PAGER": ""},
    )


def test_the_command_line_trusts_the_certificate_that_it_is_given(secure):
    assert secure.url.startswith("https://127.0.0.1:")
    bundle = str(secure.data / "tls-certificate.pem")
    listed = aws(secure.url, "--ca-bundle", bundle)
    assert listed.returncode == 0, listed.stderr
    untrusted = aws(secure.url)
    assert untrusted.returncode != 0
    assert "SSL validation failed" in untrusted.stderr
    wrong = aws(secure.url, "--ca-bundle", bundle, key=(KEY[0], "wrong"))
    assert "InvalidSignatureException" in wrong.stderr


def test_boto3_trusts_the_certificate_that_it_is_given(secure):
    bundle = str(secure.data / "tls-certificate.pem")
    client(secure.url, verify=bundle).list_streams()
    by_name = secure.url.replace("127.0.0.1", "localhost")
    client(by_name, verify=bundle).list_streams()
    with pytest.raises(SSLError):
        client(secure.url).list_streams()


def test_a_certificate_that_is_given_is_shown(hosts, secure):
    made = [str(secure.data / name) for name in ("tls-certificate.pem", "tls-key.pem")]
    host = hosts(["--tls-cert", made[0], "--tls-key", made[1]])
    client(host.url, ("any", "any"), verify=made[0]).list_streams()


def test_other_machines_reach_a_host_with_credentials_only(hosts, keys, tmp_path):
    command, clean = serving(tmp_path / "data", "--listen", "0.0.0.0:0")
    done = subprocess.run(command, capture_output=True, text=True, env=clean, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--credentials" in done.stderr
    assert not (tmp_path / "data").exists()
    host = hosts(["--credentials", str(keys)], listen="0.0.0.0:0")
    client(host.url.replace("0.0.0.0", "127.0.0.1")).list_streams()
    assert "no TLS" in host.log.read_text()


def test_the_log_says_whether_signatures_are_checked(hosts, guarded):
    said = "any well-formed signature is accepted"
    assert said in hosts([]).log.read_text()
    assert said not in guarded.log.read_text()
