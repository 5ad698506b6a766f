import type { RestAuth } from '../../api/index.ts';
import type { ReadSecret } from '../../workers/stage.ts';
import type { HttpHeader } from '../http/client.ts';
import type { Grant } from '../http/tokens.ts';

/** What `rest.auth` comes to. */
export interface Access {
  /** What every request carries. */
  readonly headers: readonly HttpHeader[];
  /** Texts that must be shown nowhere. */
  readonly secrets: readonly string[];
  /** How to get tokens, where requests carry one. */
  readonly grant?: Grant;
}

type From = Parameters<ReadSecret>[0];

/** Reads the secrets that `rest.auth` names. An optional one that is not there leaves requests without. */
export function readAuth(auth: RestAuth | undefined, secret: ReadSecret): Access {
  if (auth?.bearer) {
    const ref = auth.bearer.tokenFrom.secretKeyRef;
    const token = secret(ref);
    return token === undefined ? nothing : withHeader('Bearer', token, [token], originOf(ref));
  }
  if (auth?.basic) {
    const { usernameFrom, passwordFrom } = auth.basic;
    const [user, password] = [secret(usernameFrom.secretKeyRef), secret(passwordFrom.secretKeyRef)];
    if (user === undefined || password === undefined) return nothing;
    const credentials = Buffer.from(`${user}:${password}`).toString('base64');
    return withHeader('Basic', credentials, [credentials, password], originOf(passwordFrom.secretKeyRef));
  }
  return auth?.oauth2 ? readGrant(auth.oauth2, secret) : nothing;
}

function readGrant(oauth2: NonNullable<RestAuth['oauth2']>, secret: ReadSecret): Access {
  const { tokenUrl, clientId, clientSecretFrom, clientAuth, scope } = oauth2;
  const clientSecret = secret(clientSecretFrom.secretKeyRef);
  if (clientSecret === undefined) return nothing;
  const grant: Grant = {
    tokenUrl: new URL(tokenUrl),
    clientId,
    clientSecret,
    secretOrigin: originOf(clientSecretFrom.secretKeyRef),
    clientAuth,
    ...(scope === undefined ? {} : { scope }),
  };
  return { headers: [], secrets: [clientSecret], grant };
}

const nothing: Access = { headers: [], secrets: [] };

const withHeader = (scheme: string, credentials: string, secrets: readonly string[], secret: string): Access => ({
  headers: [{ name: 'Authorization', value: `${scheme} ${credentials}`, secret }],
  secrets,
});

const originOf = ({ name, key }: From): string => `secret ${name}, key ${key}`;
