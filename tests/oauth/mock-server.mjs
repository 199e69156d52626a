// A second OAuth server that nobody here wrote: the plain way, without rotation. Prints {"url": …} when it listens.
import { OAuth2Server } from 'oauth2-mock-server';

const server = new OAuth2Server();
await server.issuer.keys.generate('RS256');
await server.start(0, '127.0.0.1');
console.log(JSON.stringify({ url: server.issuer.url.replace('localhost', '127.0.0.1') }));
