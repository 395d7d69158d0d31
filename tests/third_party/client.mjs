// One journey of openid-client, unmodified, as a department's Node software would use it.
//
// Standard input and output carry one JSON value a line: the first line names the journey and its settings; {"open": url} asks for a browser,
// which answers {"url": …} or {"url": …, "form": …}; the last line is {"result": …}.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const library = pathToFileURL(`${process.env.RELYING_PARTIES}/node_modules/openid-client/build/index.js`);
const client = await import(library);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const settings = await read();
const issuer = new URL(settings.issuer);
// The only liberty: the provider under test is on http://localhost. Signatures are checked even where TLS would do.
const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };

async function privateKey() {
  const { kid, ...jwk } = settings.jwk;
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  return { key, kid };
}

async function authentication() {
  switch (settings.auth) {
    case "client_secret_basic": return client.ClientSecretBasic(settings.secret);
    case "client_secret_post": return client.ClientSecretPost(settings.secret);
    case "private_key_jwt": return client.PrivateKeyJwt(await privateKey());
    default: return client.None();
  }
}

async function decryptionKey({ kid, ...jwk }) {
  const [algorithm, uses] = jwk.kty === "RSA"
    ? [{ name: "RSA-OAEP", hash: "SHA-256" }, ["decrypt"]]
    : [{ name: "ECDH", namedCurve: jwk.crv }, ["deriveBits"]];
  const key = await crypto.subtle.importKey("jwk", { kty: jwk.kty, ...jwk, use: undefined }, algorithm, false, uses);
  return { key, kid, alg: jwk.kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW" };
}

async function discover() {
  const metadata = { id_token_signed_response_alg: "ES256", ...settings.metadata };
  const config = await client.discovery(issuer, settings.client_id, metadata, await authentication(), options);
  if (settings.decrypt) client.enableDecryptingResponses(config, settings.encs, await decryptionKey(settings.decrypt));
  return config;
}

async function browse(url) {
  say({ open: url.href });
  const back = await read();
  if (!back.form) return new URL(back.url);
  return new Request(back.url, { method: "POST", body: new URLSearchParams(back.form) });
}

async function signIn(config, { build = client.buildAuthorizationUrl, extra = {}, more = [] } = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const url = await build(config, {
    redirect_uri: settings.redirect_uri,
    scope: settings.scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...extra,
  }, ...more);
  const back = await browse(url);
  const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState, expectedNonce });
  return { url, tokens, claims: tokens.claims() };
}

const journeys = {
  async code() {
    const config = await discover();
    const { tokens, claims } = await signIn(config);
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
    const confidential = settings.auth !== "none";
    const live = confidential ? await client.tokenIntrospection(config, refreshed.access_token) : null;
    // A client that proves a key keeps its refresh token; others get a new one.
    await client.tokenRevocation(config, refreshed.refresh_token ?? tokens.refresh_token);
    const dead = confidential ? await client.tokenIntrospection(config, refreshed.access_token) : null;
    const out = client.buildEndSessionUrl(config, {
      // A hint is the signed token that was inside (OIDC Core §3.1.2.1).
      id_token_hint: client.getDecryptedResponses(refreshed) ?? refreshed.id_token ?? tokens.id_token,
      post_logout_redirect_uri: settings.post_logout_redirect_uri,
      state: "bye",
    });
    const left = await browse(out);
    return { claims, userinfo, live, dead, left: left.href, issuer: config.serverMetadata().issuer };
  },

  async par() {
    const config = await discover();
    const { url, claims } = await signIn(config, { build: client.buildAuthorizationUrlWithPAR });
    return { claims, sent: [...url.searchParams.keys()] };
  },

  async jar() {
    const config = await discover();
    const { url, claims } = await signIn(config, { build: client.buildAuthorizationUrlWithJAR, more: [await privateKey()] });
    return { claims, sent: [...url.searchParams.keys()] };
  },

  async jarThroughPar() {
    const config = await discover();
    const build = async (configuration, parameters, key) => {
      const signed = await client.buildAuthorizationUrlWithJAR(configuration, parameters, key);
      return client.buildAuthorizationUrlWithPAR(configuration, signed.searchParams);
    };
    const { url, claims } = await signIn(config, { build, more: [await privateKey()] });
    return { claims, sent: [...url.searchParams.keys()] };
  },

  async formPost() {
    const config = await discover();
    const { tokens, claims } = await signIn(config, { extra: { response_mode: "form_post" } });
    return { claims, userinfo: await client.fetchUserInfo(config, tokens.access_token, claims.sub) };
  },

  async machine() {
    const config = await discover();
    const tokens = await client.clientCredentialsGrant(config, { scope: "openid" });
    return { live: await client.tokenIntrospection(config, tokens.access_token) };
  },

  async registration() {
    const config = await client.dynamicClientRegistration(issuer, settings.register, undefined, {
      ...options,
      initialAccessToken: settings.initial_access_token,
    });
    const { tokens, claims } = await signIn(config);
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    return { claims, userinfo, registered: config.clientMetadata() };
  },
};

try {
  say({ result: await journeys[settings.journey]() });
} catch (error) {
  const cause = error.cause instanceof Error ? error.cause.message : error.cause;
  say({ error: `${error.name}: ${error.message}`, code: error.code ?? null, cause: cause ?? null });
}
process.exit(0);
