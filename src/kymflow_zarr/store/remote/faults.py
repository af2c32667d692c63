"""What went wrong at an object store: one sentence for each cause, what to do, and whether it may pass."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from obstore.exceptions import AlreadyExistsError, PermissionDeniedError, UnauthenticatedError


@dataclass(frozen=True)
class Fault:
    """A cause for which a request failed.

    Attributes
    ----------
    what : str
        What went wrong, as the end of a sentence.
    advice : str
        What to do about it, as a sentence.
    passes : bool
        Whether the same request may succeed a moment later.
    denied : bool
        Whether it is a matter of permission.
    no_answer : bool
        Whether it is the server that is out of reach, and not this one key.
    no_connection : bool
        Whether there was nobody to take the request.
    """

    what: str
    advice: str
    passes: bool = False
    denied: bool = False
    no_answer: bool = False
    no_connection: bool = False


_AGAIN = "Try again later: what was finished is kept."
_KEYS = (
    "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that AWS_ENDPOINT_URL is the server they are for."
)
_SERVER = "Check AWS_ENDPOINT_URL, AWS_REGION and the network."
_REGION = "Set AWS_REGION to the region of the bucket."

_NO_BUCKET = Fault(
    "the server has no bucket of this name",
    "Make the bucket first, or check its name, AWS_ENDPOINT_URL and AWS_REGION.",
)
_DENIED = Fault(
    "access is denied",
    "Ask the owner of the bucket to let these credentials list, read, write and delete there.",
    denied=True,
)
_UNKNOWN_KEY = Fault("the server does not know the access key", _KEYS, denied=True)
_EXPIRED = Fault(
    "the credentials have expired", "Get new ones (`aws sso login`, for example) and try again.", denied=True
)
_SKEWED = Fault(
    "the clock of this computer and that of the server differ too much",
    "Set this computer's clock, and try again.",
    denied=True,
)
_OTHER_REGION = Fault("the bucket is in another region", _REGION)
_FULL = Fault("the disk of the server is full", "Free space there, and try again.")
_BUSY = Fault("the server has too much to do", f"{_AGAIN} Fewer writers at once may help.", passes=True)
_FAILED = Fault("the server failed", _AGAIN, passes=True)
NO_S3 = Fault(
    "the answer of the server is not one of S3",
    "Check AWS_ENDPOINT_URL, and whether this network wants you to log in first.",
    no_answer=True,
)
REPEATED_PAGE = Fault(
    "the server lists the same keys again and again",
    "It must go on from page to page, as S3 does: choose another server, or ask whoever runs it.",
)
_NO_CONDITIONS = Fault(
    "the server does not know requests of this kind",
    "It must know conditional puts (If-Match), as S3 does: choose another server.",
)

# By the code in the body of an answer.
_BY_CODE = {
    "NoSuchBucket": _NO_BUCKET,
    "AccessDenied": _DENIED,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": Fault("the signature is wrong: the secret key does not fit", _KEYS, denied=True),
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": Fault(
        "the session token is not valid",
        "Check AWS_SESSION_TOKEN, or unset it if the keys need none.",
        denied=True,
    ),
    "RequestTimeTooSkewed": _SKEWED,
    "RequestExpired": _SKEWED,
    "AuthorizationHeaderMalformed": _OTHER_REGION,
    "PermanentRedirect": _OTHER_REGION,
    "TemporaryRedirect": _OTHER_REGION,
    "IllegalLocationConstraintException": _OTHER_REGION,
    "InvalidBucketName": Fault("the name of the bucket is not valid", "Check the URL."),
    "EntityTooLarge": Fault("it is larger than the server takes at once", "Write it in smaller pieces."),
    "XMinioStorageFull": _FULL,
    "QuotaExceeded": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "NotImplemented": _NO_CONDITIONS,
    "RequestTimeout": Fault("the server did not get the request in time", _SERVER, passes=True),
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalError": _FAILED,
    "OperationAborted": _BUSY,
    "ConditionalRequestConflict": _BUSY,
}
_BY_STATUS = {
    301: _OTHER_REGION,
    307: _OTHER_REGION,
    308: _OTHER_REGION,
    401: Fault("the credentials are not accepted", _KEYS, denied=True),
    403: _DENIED,
    404: Fault("the server has no such bucket or path", _NO_BUCKET.advice),
    408: _BY_CODE["RequestTimeout"],
    409: _BUSY,
    429: _BUSY,
    501: _NO_CONDITIONS,
    503: _BUSY,
    507: _FULL,
}

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>|\(code: (\w+)\)")
_IS_IN = re.compile(r"expecting '([\w-]+)'|<Region>\s*([\w-]+)\s*</Region>")
_ADDRESS = re.compile(r"performing [A-Z]+ (https?://[^/\s]+)")
_PROVIDER = re.compile(r"credential provider: (?:\w+: )?(.*)")
# Markup, and what a library says of its own settings.
_RAW = re.compile(
    r"^Generic \w+ error: |<.*|,? after \d+ retries, max_retries: \d+, retry_timeout: \S+ *"
    r"| in [\d.]+(?:ns|µs|ms|s)\b"
)


def fault_of(error: BaseException) -> Fault:
    """Return what an error of obstore means.

    Its text is all that tells: first a line for people, then the whole chain of causes for developers.
    """
    text = str(error)
    code = _CODE.search(text)
    status = _STATUS.search(text)
    if code is not None and (code[1] or code[2]) in _BY_CODE:
        return _with_region(_BY_CODE[code[1] or code[2]], text)
    if status is not None:
        return _of_status(int(status[1]), code[1] or code[2] if code else None)
    if "without LOCATION" in text:
        return _OTHER_REGION
    if isinstance(error, FileNotFoundError):
        return _BY_STATUS[404]
    if isinstance(error, UnauthenticatedError):
        said = _PROVIDER.search(text)
        return Fault(
            f"there are no credentials ({said[1].strip()})" if said else _BY_STATUS[401].what,
            _KEYS,
            denied=True,
        )
    if isinstance(error, PermissionDeniedError | PermissionError):
        return _DENIED
    if isinstance(error, AlreadyExistsError):
        return _BUSY
    return _of_network(text) or Fault(_first_line(text), "")


def is_missing_bucket(error: FileNotFoundError) -> bool:
    """Tell whether it is the bucket that is missing, and not one key in it."""
    return fault_of(error) is _NO_BUCKET


def _of_status(status: int, code: str | None) -> Fault:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return Fault(f"the server failed (HTTP {status})", _AGAIN, passes=True)
    what = f"the server refuses the request (HTTP {status}{f', {code}' if code else ''})"
    return Fault(what, "Check the credentials, AWS_REGION and AWS_ENDPOINT_URL.")


def _with_region(fault: Fault, text: str) -> Fault:
    region = _IS_IN.search(text)
    if fault is not _OTHER_REGION or region is None:
        return fault
    name = region[1] or region[2]
    return Fault(f"the bucket is in another region, {name}", f"Set AWS_REGION={name}.")


def _of_network(text: str) -> Fault | None:
    """Return what kept a request or its answer from arriving; None if it is not the network."""
    found = _ADDRESS.search(text)
    server = f"the server {found[1]}" if found else "the server"
    if "BadScheme" in text:
        return Fault(
            f"{server} is addressed by http://, which is not encrypted",
            "Use https://, or allow it by AWS_ALLOW_HTTP=true.",
        )
    nobody = partial(Fault, advice=_SERVER, passes=True, no_answer=True, no_connection=True)
    if "dns error" in text or "failed to lookup" in text:
        return nobody(f"{server} is unknown: its name has no address")
    if "certificate" in text.lower():
        return Fault(
            f"the certificate of {server} is not trusted",
            "Check AWS_ENDPOINT_URL, and that this computer knows who issued the certificate.",
            no_answer=True,
        )
    if "kind: Timeout" in text or "TimedOut" in text:
        return Fault(f"{server} does not answer", _SERVER, passes=True, no_answer=True)
    if "ConnectionRefused" in text:
        return nobody(f"{server} refuses connections: nothing is running there")
    if "kind: Connect" in text:
        return nobody(f"{server} cannot be reached")
    if "HTTP error" in text or "HttpError" in text:
        return Fault(f"the connection to {server} breaks off", _SERVER, passes=True, no_answer=True)
    if "extract metadata" in text or "missing from response" in text:
        return NO_S3
    if ("invalid" in text and "response" in text) or "Content-Range" in text:
        return Fault(f"the answer of {server} is cut short, or not one of S3", _SERVER, passes=True)
    return None


def _first_line(text: str) -> str:
    """Return what an unforeseen error says, without markup and settings."""
    line = text.strip().partition("\n")[0]
    return " ".join(_RAW.sub("", line).split()).rstrip(" .:-") or "it gave no reason"
