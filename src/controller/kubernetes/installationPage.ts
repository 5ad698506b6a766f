import { sectionsText } from '../../api/generate/fieldsPage.ts';
import { inputSchema, structural } from '../../api/generate/structural.ts';
import { installation } from './installation.ts';

/** The reference page `docs/reference/installation.md`. */
export const installationPage = (): string =>
  `${introduction}\n${sectionsText('installation', structural(inputSchema(installation, 'openapi-3.0'), 'installation'))}`;

const introduction = `# Installation

The controller is started with one YAML or JSON file that says what its Pipelines have in common. It holds no secret, only
names of some. Four fields are required:

\`\`\`yaml
id: harbour
image: {name: registry.example/jobpulse:0.1.0}
redis: {secret: {name: jobpulse-redis}} # with the key url, in the namespace of each Pipeline
lake: {filesystem: {claimName: jobpulse-lake}}
\`\`\`

What becomes of it is told in [What a Pipeline becomes in a cluster](../guide/cluster-workers.md).
`;
