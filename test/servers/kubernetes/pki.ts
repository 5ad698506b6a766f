import { generateKeyPairSync, KeyObject, randomBytes, webcrypto } from 'node:crypto';
// The library asks for this polyfill to be there before it.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** A certificate and its private key, in PEM. */
export interface Credentials {
  readonly certificate: string;
  readonly key: string;
}

/** Who a client certificate speaks for: Kubernetes reads the common name as user, organizations as groups. */
export interface Identity {
  readonly user: string;
  readonly groups?: readonly string[];
}

/** A certificate authority of one control plane; its key never leaves the memory of the test process. */
export interface Authority {
  readonly certificate: string;
  /** For a server on this machine, at loopback and further addresses; in a cluster, pods call the API server by one. */
  server(addresses?: readonly string[]): Promise<Credentials>;
  client(identity: Identity): Promise<Credentials>;
}

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signature = { name: 'ECDSA', hash: 'SHA-256' } as const;
const days = 24 * 3600 * 1000;

export async function createAuthority(): Promise<Authority> {
  const keys = await keyPair();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: [{ CN: ['jobpulse test authority'] }],
    signingAlgorithm: signature,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const issue = async (subject: x509.JsonName, extensions: readonly x509.Extension[]): Promise<Credentials> => {
    const own = await keyPair();
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(),
      subject,
      issuer: root.subjectName,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: signature,
      extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true), ...extensions],
    });
    return { certificate: certificate.toString('pem'), key: pem(own.privateKey) };
  };
  return {
    certificate: root.toString('pem'),
    server: (addresses = []) =>
      issue(
        [{ CN: ['kube-apiserver'] }],
        [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension([
            ...['127.0.0.1', ...addresses].map((value) => ({ type: 'ip', value }) as const),
            { type: 'dns', value: 'localhost' },
          ]),
        ],
      ),
    client: ({ user, groups = [] }) =>
      issue(
        [...groups.map((group) => ({ O: [group] })), { CN: [user] }],
        [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
      ),
  };
}

/** A private key that tokens are signed with, in the one form of PEM that Kubernetes reads the public key from, too. */
export function createSigningKey(): string {
  return generateKeyPairSync('ec', curve).privateKey.export({ type: 'sec1', format: 'pem' }).toString();
}

function keyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
}

function pem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A new serial number, and a validity that forgives a clock that was set back. */
function validity(): { serialNumber: string; notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return {
    // A leading 01 keeps the number positive and without leading zeros, as RFC 5280 asks.
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    notBefore: new Date(now - days),
    notAfter: new Date(now + 365 * days),
  };
}
