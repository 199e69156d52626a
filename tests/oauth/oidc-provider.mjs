// An OAuth server that nobody here wrote, with refresh tokens that rotate and reuse that is detected. It signs everybody in
// as alice. Prints {"url": …} when it listens. Arguments: how long access tokens live, in seconds.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const lives = Number(process.argv[2] ?? 3600);
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const counts = { refreshed: 0, revoked: 0, refused: 0, codes: 0, clients: 0 };
  const provider = new Provider(url, {
    clients: [
      {
        client_id: 'desk',
        client_secret: 'oidc-client-secret',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/cb', 'http://localhost/oauth/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
      {
        client_id: 'machine',
        client_secret: 'oidc-client-secret',
        redirect_uris: [],
        grant_types: ['client_credentials'],
        response_types: [],
      },
    ],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
    ttl: { AccessToken: lives, ClientCredentials: lives, RefreshToken: 86400, Session: 3600, Grant: 86400, Interaction: 600 },
    features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true }, revocation: { enabled: true } },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid offline_access');
      await grant.save();
      return grant;
    },
  });
  provider.on('grant.success', (ctx) => {
    const grant = ctx.oidc.params.grant_type;
    if (grant === 'refresh_token') counts.refreshed += 1;
    if (grant === 'authorization_code') counts.codes += 1;
    if (grant === 'client_credentials') counts.clients += 1;
  });
  provider.on('grant.revoked', () => { counts.revoked += 1; });
  provider.on('grant.error', () => { counts.refused += 1; });
  provider.use(async (ctx, next) => {
    if (ctx.path === '/_counts') {
      ctx.body = counts;
      return;
    }
    if (ctx.path.startsWith('/interaction/')) {
      ctx.respond = false;
      await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: 'alice' }, consent: {} });
      return;
    }
    await next();
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ url }));
});
