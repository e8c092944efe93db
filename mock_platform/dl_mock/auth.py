"""Tokens: real JWTs, because the SDK decodes them before every call (SDK: services/api_client.py token_expired)."""

from __future__ import annotations

from datetime import datetime

from dl_mock.routing import ApiError

# Nothing is protected by this key: the SDK does not verify signatures, and the platform is a mock.
SIGNING_KEY = "dl-mock signs tokens so that they look real, not to protect"
FAR_AHEAD = 4102444800  # 2100-01-01


def issue_token(email: str, token_id: str, now: datetime) -> str:
    """A signed token that outlives any test."""
    import jwt

    claims = {"email": email, "sub": email, "jti": token_id, "iat": int(now.timestamp()), "exp": FAR_AHEAD}
    return jwt.encode(claims, SIGNING_KEY, algorithm="HS256")


class Gate:
    """Lets calls in: any unexpired JWT, or in strict mode only the one that was issued."""

    def __init__(self, token: str, strict: bool) -> None:
        self._token = token
        self.strict = strict
        self._expiries: dict[str, float] = {token: FAR_AHEAD}

    def check(self, authorization: str, now: datetime) -> None:
        """401 unless the header carries an acceptable bearer token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiError(401, "no bearer token in the authorization header")
        if self.strict and token != self._token:
            raise ApiError(401, "this platform accepts only the token it issued")
        expiry = self._expiries.get(token)
        if expiry is None:
            expiry = self._expiries[token] = _expiry(token)
        if now.timestamp() >= expiry:
            raise ApiError(401, "the token has expired")


def _expiry(token: str) -> float:
    import jwt

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.exceptions.InvalidTokenError as error:
        raise ApiError(401, f"the token cannot be decoded: {error}") from None
    expiry = claims.get("exp")
    if not isinstance(expiry, (int, float)):
        raise ApiError(401, "the token has no 'exp'")
    return float(expiry)
