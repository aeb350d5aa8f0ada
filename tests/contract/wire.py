"""Signed requests by hand: botocore's own serializer refuses the very input that the host must refuse."""

import http.client
import json
import urllib.parse

import cbor
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CREDENTIALS = Credentials("any", "any")
JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"
EVENTS = "application/vnd.amazon.eventstream"


class Answer:
    """What came back, as it came."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def said(self):
        """An error's body."""
        form = self.headers.get_content_type()
        assert form in (JSON, CBOR), self
        return cbor.loads(self.body) if form == CBOR else json.loads(self.body)

    @property
    def code(self):
        """The error's name; none for a success."""
        if self.status < 300:
            return None
        return self.said["__type"].rpartition("#")[2]

    @property
    def message(self):
        said = self.said
        return said.get("message", said.get("Message", ""))

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Wire:
    """One connection that stays open, as a client's would."""

    def __init__(self, endpoint, timeout=60):
        self.endpoint = endpoint
        place = urllib.parse.urlsplit(endpoint)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=timeout)

    def send(self, action, body, form=JSON):
        """Sends a signed request; the response is read by the caller."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = AWSRequest(
            method="POST",
            url=self.endpoint,
            data=data,
            headers={
                "X-Amz-Target": f"Kinesis_20131202.{action}",
                "Content-Type": form,
            },
        )
        SigV4Auth(CREDENTIALS, "kinesis", "us-east-1").add_auth(request)
        try:
            self.connection.request("POST", "/", data, dict(request.headers))
            return self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The host may close a connection that was idle; what it has not answered is sent again.
            self.connection.close()
            self.connection.request("POST", "/", data, dict(request.headers))
            return self.connection.getresponse()

    def call(self, action, body, form=JSON):
        response = self.send(action, body, form)
        if response.headers.get_content_type() == EVENTS:
            # A subscription lives for minutes: its beginning is the answer.
            answer = Answer(response.status, response.headers, b"")
            self.connection.close()
            return answer
        return Answer(response.status, response.headers, response.read())
