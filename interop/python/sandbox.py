"""Where the sandbox is, a client for it, and tokens as the client asks for them."""

import json
import os
import time
import urllib.parse
import urllib.request
import ssl

from azure.core.credentials import AccessToken, TokenCredential
from PowerPlatform.Dataverse.client import DataverseClient

endpoints = json.loads(os.environ["SANDBOX"])["endpoints"]
_trust = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])


def _call(url, data=None):
    with urllib.request.urlopen(url, data=data, context=_trust) as answer:
        return json.load(answer)


_about = _call(endpoints["control"])


def act(**wish):
    """Somebody else works in the CRM, through the sandbox's control API."""
    return _call(endpoints["control"] + "act", json.dumps(wish).encode())


class Credential(TokenCredential):
    """The application signs in with its secret."""

    def __init__(self):
        self._known = None

    def get_token(self, *scopes, **_):
        if self._known is None:
            form = {
                "grant_type": "client_credentials",
                "client_id": _about["client_id"],
                "client_secret": _about["client_secret"],
                "scope": scopes[0],
            }
            url = f"{endpoints['sign_in']}/{_about['tenant']}/oauth2/v2.0/token"
            token = _call(url, urllib.parse.urlencode(form).encode())
            self._known = AccessToken(token["access_token"], int(time.time()) + token["expires_in"])
        return self._known


def client():
    return DataverseClient(endpoints["dataverse"], Credential())
