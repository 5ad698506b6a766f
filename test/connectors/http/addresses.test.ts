import { describe, expect, test } from 'vitest';
import { addressRefusal } from '../../../src/connectors/http/addresses.ts';

const metadata = [
  ...['169.254.169.254', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::a9fe:a9fe', '64:ff9b::169.254.169.254'],
  ...['169.254.170.2', '100.100.100.200', 'fd00:ec2::254', 'FD00:0EC2:0000::0254'],
];
const privates = [
  ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1'],
  ...['169.254.1.1', '224.0.0.1', '255.255.255.255', '198.18.0.1', '192.0.2.1', '::', '::1', '::ffff:127.0.0.1'],
  ...[
    '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
  ],
  ...['2002:7f00:1::', '2001:0:1::', '2001:db8::1'],
];
const publics = [
  ...['8.8.8.8', '1.1.1.1', '172.32.0.1', '172.15.255.255', '100.128.0.1', '192.167.1.1', '11.0.0.1', '169.253.1.1'],
  ...['2606:4700::1111', '2001:4860:4860::8888', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'],
];

describe('addresses', () => {
  test.each(metadata)('%s is never asked, whoever allows private networks', (address) => {
    for (const allowed of [true, false]) {
      expect(addressRefusal(address, 'x.test', allowed)).toMatchObject({
        reason: 'AddressRefused',
        message: expect.stringContaining('cloud metadata'),
      });
    }
  });
  test.each(privates)('%s needs private networks to be allowed', (address) => {
    expect(addressRefusal(address, 'x.test', true)).toBeUndefined();
    expect(addressRefusal(address, 'x.test', false)?.message).toBe(
      `x.test (${address}) is a private or local address; only who starts the process can allow those (--allow-private-networks)`,
    );
  });
  test.each(publics)('%s is public', (address) => {
    expect(addressRefusal(address, 'x.test', false)).toBeUndefined();
  });
});
