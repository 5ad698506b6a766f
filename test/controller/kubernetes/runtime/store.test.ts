import { expect, test } from 'vitest';
import type { KubeObject } from '../../../../src/controller/kubernetes/api.ts';
import { openStore } from '../../../../src/controller/kubernetes/informer/store.ts';

const object = (name: string, version: number, owners: readonly string[] = []): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    namespace: 'n',
    name,
    resourceVersion: String(version),
    ownerReferences: owners.map((uid) => ({ apiVersion: 'v1', kind: 'Pipeline', name: 'p', uid })),
  },
});
const names = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => metadata.name).sort();

test('versions are compared as numbers', () => {
  const store = openStore();
  store.replace([object('a', 9)], '9');
  expect(store.put(object('a', 10))).toHaveLength(1);
  expect(store.put(object('a', 9))).toHaveLength(0);
  expect(store.reached()).toBe('10');
  store.reach('12345678901234567891');
  store.reach('12345678901234567890');
  expect(store.reached()).toBe('12345678901234567891');
});

test('a list done again tells what is new, what changed and what went, and nothing else', () => {
  const store = openStore();
  store.replace([object('same', 1), object('changed', 2), object('gone', 3)], '5');
  const changes = store.replace([object('same', 1), object('changed', 7), object('new', 8)], '9');
  expect(changes.map(({ key, object: after, before }) => [key.name, !!before, !!after])).toEqual([
    ['gone', true, false],
    ['changed', true, true],
    ['new', false, true],
  ]);
});

test('what was written after a list was made outlives it, and the end of an object of before', () => {
  const store = openStore();
  store.replace([object('a', 1)], '5');
  store.remember(object('mine', 10));
  store.replace([], '8');
  expect(names(store.list())).toEqual(['mine']);
  expect(store.remove(object('mine', 9))).toEqual([]);
  expect(names(store.list())).toEqual(['mine']);
  store.replace([], '11');
  expect(store.list()).toEqual([]);
});

test('what is remembered late does not come back', () => {
  const store = openStore();
  store.replace([], '5');
  store.put(object('a', 6));
  store.remove(object('a', 7));
  expect(store.remember(object('a', 6))).toEqual([]);
  expect(store.remember(object('a', 8))).toHaveLength(1);
});

test('an etcd that was restored from a backup is believed', () => {
  const store = openStore();
  store.replace([object('a', 100), object('b', 101)], '101');
  store.replace([object('a', 50)], '60');
  expect(store.list().map(({ metadata }) => metadata.resourceVersion)).toEqual(['50']);
  expect(store.put(object('a', 61))).toHaveLength(1);
});

test('an object that changes its owner is found under the new one only', () => {
  const store = openStore();
  store.replace([object('a', 1, ['x', 'y'])], '1');
  expect(names(store.ownedBy('x'))).toEqual(['a']);
  store.put(object('a', 2, ['y']));
  expect(store.ownedBy('x')).toEqual([]);
  expect(names(store.ownedBy('y'))).toEqual(['a']);
  store.remove(object('a', 3, ['y']));
  expect(store.ownedBy('y')).toEqual([]);
});

test('objects of a namespace are found by group, also after they change it', () => {
  const store = openStore(({ metadata }) => metadata.labels?.pier);
  const at = (name: string, version: number, pier: string): KubeObject => {
    const { metadata, ...rest } = object(name, version);
    return { ...rest, metadata: { ...metadata, labels: { pier } } };
  };
  store.replace([at('a', 1, 'north'), at('b', 2, 'south'), object('c', 3)], '3');
  expect(names(store.list('n', 'north'))).toEqual(['a']);
  store.put(at('b', 4, 'north'));
  store.remove(at('a', 5, 'north'));
  expect(names(store.list('n', 'north'))).toEqual(['b']);
  expect(store.list('n', 'south')).toEqual([]);
  expect(names(store.list('n'))).toEqual(['b', 'c']);
});
