// node-oidc-provider with its state in Redis: the peer of `idp bench`. One argument: a JSON file with `port`, `redis` (socket) and `clients`.
// It signs in whoever fills its forms, remembers consent, and rotates refresh tokens; keys are made anew at each start.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Redis from 'ioredis';
import { Provider } from 'oidc-provider';

const { port, redis: path, clients } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const redis = new Redis({ path, db: 1 });
const DAY = 86400;

/** What ends with its grant, and what is kept as a hash because using it up sets one field. */
const OF_A_GRANT = ['AccessToken', 'AuthorizationCode', 'RefreshToken'];
const USED_ONCE = ['AuthorizationCode', 'RefreshToken'];

class RedisAdapter {
  constructor(model) {
    this.model = model;
    this.usedOnce = USED_ONCE.includes(model);
    this.ofAGrant = OF_A_GRANT.includes(model);
  }

  key(id) { return `${this.model}:${id}`; }

  async upsert(id, payload, seconds) {
    const key = this.key(id), text = JSON.stringify(payload), batch = redis.multi();
    if (this.usedOnce) batch.hset(key, { payload: text }); else batch.set(key, text);
    if (seconds) batch.expire(key, seconds);
    if (this.ofAGrant && payload.grantId) {
      batch.rpush(`tokens:${payload.grantId}`, key);
      if (seconds) batch.expire(`tokens:${payload.grantId}`, Math.max(seconds, 14 * DAY));
    }
    if (payload.uid) batch.set(`uid:${payload.uid}`, id, ...(seconds ? ['EX', seconds] : []));
    await batch.exec();
  }

  async find(id) {
    if (!this.usedOnce) {
      const text = await redis.get(this.key(id));
      return text ? JSON.parse(text) : undefined;
    }
    const { payload, ...rest } = await redis.hgetall(this.key(id));
    return payload ? { ...JSON.parse(payload), ...rest } : undefined;
  }

  async findByUid(uid) {
    const id = await redis.get(`uid:${uid}`);
    return id ? this.find(id) : undefined;
  }

  async findByUserCode() { return undefined; }

  async consume(id) { await redis.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000)); }

  async destroy(id) { await redis.del(this.key(id)); }

  async revokeByGrantId(grantId) {
    const tokens = `tokens:${grantId}`, keys = await redis.lrange(tokens, 0, -1);
    await redis.del(tokens, ...keys);
  }
}

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
const keys = Object.entries(pairs).map(([alg, { privateKey }]) => (
  { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg }
));
const person = { name: '李伟', family_name: '李', given_name: '伟', preferred_username: 'li.wei', locale: 'zh-CN' };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: RedisAdapter,
  clients: clients.map(({ client_name: _, ...metadata }) => ({ ...metadata, token_endpoint_auth_method: 'client_secret_basic' })),
  jwks: { keys },
  cookies: { keys: ['a key for measuring alone'] },
  scopes: ['openid', 'profile', 'offline_access'],
  claims: { openid: ['sub'], profile: Object.keys(person) },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...person }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (_, resource) => (
        { scope: 'openid', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
      ),
    },
  },
  // As long-lived as the product's.
  ttl: {
    AccessToken: 600, AuthorizationCode: 60, ClientCredentials: 600, IdToken: 600,
    Interaction: 3600, Session: DAY / 2, Grant: 30 * DAY, RefreshToken: 14 * DAY,
  },
});
provider.on('server_error', (_, error) => console.error(error));
const server = provider.listen(port, '127.0.0.1');
process.on('SIGTERM', () => { server.closeAllConnections(); server.close(); redis.disconnect(); });
