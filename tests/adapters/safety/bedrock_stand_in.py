"""A stand-in for ApplyGuardrail over real HTTP, judged by botocore: its signer, and its model of the service.

It blocks BOMB as violence and masks NAME1, as a guardrail does that was made so.
"""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "eu-central-1"
_PATH = re.compile(r"/guardrail/([^/]+)/version/([^/]+)/apply")
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})")
_MODEL: Any = botocore.session.Session().get_service_model("bedrock-runtime").operation_model("ApplyGuardrail")


class Service:
    """The running stand-in. `fault` is a status and an error's name to answer with; `slow` its seconds of thought."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.fault: tuple[int, str] | None = None
        self.slow = 0.0
        self.body: bytes | None = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                time.sleep(service.slow)
                status, kind, answer = service.answer(self.path, dict(self.headers.items()), body)
                self.send_response(status)
                if kind:
                    self.send_header("x-amzn-errortype", kind)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        if fault := _unsigned(self.url + path, headers, body):
            return 403, "InvalidSignatureException", json.dumps({"message": fault}).encode()
        if self.fault is not None:
            return self.fault[0], self.fault[1], b'{"message":"no"}'
        if self.body is not None:
            return 200, "", self.body
        place = _PATH.fullmatch(path)
        assert place is not None, path
        asked = json.loads(body) | {
            "guardrailIdentifier": unquote(place[1]),
            "guardrailVersion": unquote(place[2]),
        }
        report = ParamValidator().validate(asked, _MODEL.input_shape)
        if report.has_errors():
            return 400, "ValidationException", json.dumps({"message": report.generate_report()}).encode()
        self.asked.append(asked)
        answer = _judged([block["text"]["text"] for block in asked["content"] if "text" in block])
        report = ParamValidator().validate(answer, _MODEL.output_shape)
        assert not report.has_errors(), report.generate_report()
        return 200, "", json.dumps(answer).encode()


def _judged(texts: list[str]) -> dict[str, Any]:
    assessment: dict[str, Any] = {}
    if any("BOMB" in text for text in texts):
        found = {"type": "VIOLENCE", "confidence": "HIGH", "filterStrength": "LOW", "action": "BLOCKED"}
        assessment["contentPolicy"] = {"filters": [found | {"detected": True}]}
    names = sorted({match for text in texts for match in re.findall(r"NAME\d+", text)})
    if names:
        entities = [{"match": name, "type": "NAME", "action": "ANONYMIZED", "detected": True} for name in names]
        assessment["sensitiveInformationPolicy"] = {"piiEntities": entities, "regexes": []}
    outputs = [{"text": re.sub(r"NAME\d+", "{NAME}", text)} for text in texts] if assessment else []
    units = dict.fromkeys(_MODEL.output_shape.members["usage"].required_members, 1)
    return {
        "usage": units,
        "action": "GUARDRAIL_INTERVENED" if assessment else "NONE",
        "outputs": outputs,
        "assessments": [assessment] if assessment else [{}],
    }


def _unsigned(url: str, headers: dict[str, str], body: bytes) -> str | None:
    """What is wrong with the signature, which is made again from what came."""
    given = {name.lower(): value for name, value in headers.items()}
    found = _SIGNED.fullmatch(given.get("authorization", ""))
    if found is None:
        return "Missing Authentication Token"
    named = found[2].split(";")
    again: Any = AWSRequest("POST", url, data=body, headers={name: given[name] for name in named})
    again.context["timestamp"] = given["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY_ID, SECRET), "bedrock", REGION)
    text = signer.string_to_sign(again, signer.canonical_request(again))
    if (found[1], found[3]) != (signer.scope(again), signer.signature(text, again)):
        return "The request signature we calculated does not match the signature you provided."
    return None
