import { ApiObject, Chart, JsonPatch } from 'cdk8s';
import { Construct } from 'constructs';
import { parseInstallation } from '../../src/controller/kubernetes/installation.ts';
import type { Values } from '../imports/values.ts';
import { accessObjects } from './access.ts';
import { controllerObjects } from './controller.ts';
import { documentMap, documentText } from './document.ts';
import { monitoring } from './monitoring.ts';
import { claims, definitions } from './others.ts';
import { redisObjects } from './redis.ts';
import { type Manifest, type Settings, withDefaults } from './settings.ts';

/** The values of the chart, by their names, and what Helm knows without being told. */
export interface JobpulseInstallationProps extends Values {
  /** Default: that of the chart of cdk8s. */
  readonly namespace?: string;
  /** Password of a user of the bundled Redis (`controller`, or a namespace), such as `derivedPasswords(seed)`. */
  readonly redisPassword?: (who: string) => string;
}

/**
 * Everything that the Helm chart installs, as objects of this chart; the id is the name of the installation, which the lake
 * knows it by. What the controller could not be started with is an error of `app.synth()`.
 */
export class JobpulseInstallation extends Construct {
  constructor(scope: Construct, id: string, { namespace, redisPassword, ...values }: JobpulseInstallationProps = {}) {
    super(scope, id);
    const own = Chart.of(this).namespace;
    const settings: Settings = {
      name: id,
      namespace: namespace ?? own ?? 'default',
      values: withDefaults(values),
      password: redisPassword ?? noPassword,
    };
    for (const object of installationObjects(settings)) {
      const at = [object.kind, object.metadata.namespace, object.metadata.name].filter(Boolean).join('-');
      const made = new ApiObject(this, at, object);
      // A chart with a namespace gives it to everything, also to what has none.
      if (own !== undefined && object.metadata.namespace === undefined) {
        made.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
      }
    }
    this.node.addValidation({ validate: () => problemsOf(documentText(settings)) });
  }
}

/** The same as plain data. */
export const installationObjects = (settings: Settings): readonly Manifest[] => [
  ...definitions(settings),
  ...accessObjects(settings),
  documentMap(settings),
  ...redisObjects(settings),
  ...claims(settings),
  ...controllerObjects(settings),
  ...monitoring(settings),
];

function noPassword(): never {
  throw new Error(
    'the bundled Redis needs passwords: give redisPassword, such as derivedPasswords(process.env.JOBPULSE_SEED), or redis.bundled: false with redis.existingSecret.name',
  );
}

function problemsOf(document: string): string[] {
  try {
    parseInstallation(document, 'the installation');
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
