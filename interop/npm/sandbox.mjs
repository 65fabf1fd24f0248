// Where the sandbox is, a client for it, and a token as the client asks for one.
import { DynamicsWebApi } from 'dynamics-web-api';

const told = JSON.parse(process.env.SANDBOX);
export const endpoints = told.endpoints;
const about = await (await fetch(endpoints.control)).json();

export async function token() {
  const answer = await fetch(`${endpoints.sign_in}/${about.tenant}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: about.client_id,
      client_secret: about.client_secret,
      scope: `${endpoints.dataverse}/.default`,
    }),
  });
  const { access_token: accessToken, expires_in: seconds } = await answer.json();
  return { accessToken, expiresOn: new Date(Date.now() + seconds * 1000) };
}

let known;
export const client = (config = {}) =>
  new DynamicsWebApi({
    serverUrl: endpoints.dataverse,
    dataApi: { version: '9.2' },
    timeout: 20000,
    onTokenRefresh: async () => (known ??= await token()),
    ...config,
  });

/** Somebody else works in the CRM, through the sandbox's control API. */
export async function act(wish) {
  const answer = await fetch(`${endpoints.control}act`, { method: 'POST', body: JSON.stringify(wish) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** A request that the client has no call for. */
export async function post(path, body) {
  const { accessToken } = (known ??= await token());
  const answer = await fetch(`${endpoints.dataverse}/api/data/v9.2/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
}
