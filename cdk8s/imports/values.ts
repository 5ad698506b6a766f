/** Made by `npm run generate` from what it describes; a change made here is lost. */

export interface Values {
  /** The image of the controller and of workers. */
  readonly image?: ValuesImage;
  /** Custom resource definitions. */
  readonly crds?: ValuesCrds;
  /** Which Pipelines are looked after. */
  readonly watch?: ValuesWatch;
  /** The controller. */
  readonly controller?: ValuesController;
  /** Pods of workers: what the installation document says under `pod` and `pools` (docs/reference/installation.md). */
  readonly workers?: ValuesWorkers;
  /** Whether sources may have private addresses. Metadata addresses of clouds are never asked. */
  readonly allowPrivateNetworks?: boolean;
  /** Where raw and cleaned data is: a volume, or a bucket when one is named. */
  readonly lake?: ValuesLake;
  /** The volume with the files that `extract.files.paths` names. */
  readonly files?: ValuesFiles;
  /** The warehouse of Pipelines that say nothing of theirs: an embedded one with a volume for each, or a PostgreSQL server when a Secret with its URL is named. */
  readonly warehouse?: ValuesWarehouse;
  /** The server of the queues. */
  readonly redis?: ValuesRedis;
  /** Who may talk to whom. */
  readonly networkPolicy?: ValuesNetworkPolicy;
  /** Prometheus and Grafana. */
  readonly metrics?: ValuesMetrics;
  /** Roles of people. */
  readonly rbac?: ValuesRbac;
  /** The image of `helm test` needs nothing beside the chart's own. */
  readonly tests?: ValuesTests;
  readonly global?: Readonly<Record<string, unknown>>;
}

/** The image of the controller and of workers. */
export interface ValuesImage {
  /** Registry in front of the repository, for clusters that pull from a mirror. */
  readonly registry?: string;
  /** Name of the image. */
  readonly repository?: string;
  /** Default: the version of the chart's application. */
  readonly tag?: string;
  /** When it is pulled. */
  readonly pullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  /** Names of Secrets of the registry. */
  readonly pullSecrets?: readonly string[];
}

/** Custom resource definitions. */
export interface ValuesCrds {
  /** Whether the chart installs and upgrades them. */
  readonly enabled?: boolean;
  /** Whether they, and with them all Pipelines, stay when the release is uninstalled. */
  readonly keep?: boolean;
}

/** Which Pipelines are looked after. */
export interface ValuesWatch {
  /** Namespaces beside the release's own. Each gets a claim for its lake, the address of Redis and a Role. */
  readonly namespaces?: readonly string[];
  /** All namespaces, by a ClusterRole. Claims and addresses of Redis are then yours to make where Pipelines are. */
  readonly all?: boolean;
  /** Label selector of Pipelines. Default: all. */
  readonly selector?: string;
}

/** The controller. */
export interface ValuesController {
  /** One leads, the others stand by. */
  readonly replicas?: number;
  /** Resources of one controller. */
  readonly resources?: Readonly<Record<string, unknown>>;
  /** What it logs. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly nodeSelector?: Readonly<Record<string, unknown>>;
  readonly tolerations?: readonly (Readonly<Record<string, unknown>>)[];
  /** How important its pods are. */
  readonly priorityClassName?: string;
  /** Whether a disruption leaves one of them. */
  readonly podDisruptionBudget?: boolean;
}

/** Pods of workers: what the installation document says under `pod` and `pools` (docs/reference/installation.md). */
export interface ValuesWorkers {
  readonly pod?: Readonly<Record<string, unknown>>;
  readonly pools?: Readonly<Record<string, unknown>>;
}

/** Where raw and cleaned data is: a volume, or a bucket when one is named. */
export interface ValuesLake {
  /** A bucket, as the installation document has it: bucket, prefix, region, endpoint, pathStyle, secret.name. */
  readonly s3?: Readonly<Record<string, unknown>>;
  /** A volume that all workers of a namespace share. */
  readonly filesystem?: ValuesLakeFilesystem;
}

/** A volume that all workers of a namespace share. */
export interface ValuesLakeFilesystem {
  /** Claim that is there already, in each namespace. Default: one is made. */
  readonly existingClaim?: string;
  readonly size?: string;
  /** Default: the cluster's. */
  readonly storageClassName?: string;
  /** ReadWriteMany where workers are on more than one node. */
  readonly accessMode?: 'ReadWriteOnce' | 'ReadWriteMany';
}

/** The volume with the files that `extract.files.paths` names. */
export interface ValuesFiles {
  /** Name of a claim in each namespace. Default: none; Pipelines with files are then not valid. */
  readonly existingClaim?: string;
}

/** The warehouse of Pipelines that say nothing of theirs: an embedded one with a volume for each, or a PostgreSQL server when a Secret with its URL is named. */
export interface ValuesWarehouse {
  readonly storage?: string;
  /** Default: the cluster's. */
  readonly storageClassName?: string;
  readonly postgres?: ValuesWarehousePostgres;
}

export interface ValuesWarehousePostgres {
  /** Secret with the URL of a database, in each namespace: postgres://user:password@host:5432/database. */
  readonly secret?: ValuesWarehousePostgresSecret;
  /** Secret with the certificate of the authority that vouches for the server; then TLS is always used. */
  readonly ca?: ValuesWarehousePostgresCa;
}

/** Secret with the URL of a database, in each namespace: postgres://user:password@host:5432/database. */
export interface ValuesWarehousePostgresSecret {
  readonly name?: string;
  readonly key?: string;
}

/** Secret with the certificate of the authority that vouches for the server; then TLS is always used. */
export interface ValuesWarehousePostgresCa {
  readonly name?: string;
  readonly key?: string;
}

/** The server of the queues. */
export interface ValuesRedis {
  /** A small server of our own, for a start. What it holds may be lost at any time: it is planned again. */
  readonly bundled?: boolean;
  /** Secret with the URL of a server of yours, in each namespace; used when `bundled` is false. */
  readonly existingSecret?: ValuesRedisExistingSecret;
  /** The image of the bundled server. */
  readonly image?: string;
  /** Volume of the bundled server. */
  readonly size?: string;
  /** Default: the cluster's. */
  readonly storageClassName?: string;
  readonly resources?: Readonly<Record<string, unknown>>;
}

/** Secret with the URL of a server of yours, in each namespace; used when `bundled` is false. */
export interface ValuesRedisExistingSecret {
  readonly name?: string;
  readonly key?: string;
}

/** Who may talk to whom. */
export interface ValuesNetworkPolicy {
  readonly enabled?: boolean;
  /** Resolves names. Default: kube-dns. */
  readonly dns?: Readonly<Record<string, unknown>>;
  /** Where a Redis of yours is, as `{to: [peers], ports: [6379]}`; the bundled one is known. */
  readonly redis?: Readonly<Record<string, unknown>>;
  /** Where the server of the warehouse is, as `{to: [peers], ports: [5432]}`. Default: anyone on port 5432. */
  readonly warehouse?: Readonly<Record<string, unknown>>;
  /** Peers that may read metrics. Default: anyone. */
  readonly metrics?: readonly (Readonly<Record<string, unknown>>)[];
}

/** Prometheus and Grafana. */
export interface ValuesMetrics {
  /** A PodMonitor of the Prometheus operator. */
  readonly podMonitor?: ValuesMetricsPodMonitor;
  /** A PrometheusRule with the alerts of docs/guide/runbooks.md. */
  readonly rules?: ValuesMetricsRules;
  /** A ConfigMap with the dashboards of docs/guide/monitoring.md, as the sidecar of Grafana's chart takes it. */
  readonly dashboards?: ValuesMetricsDashboards;
}

/** A PodMonitor of the Prometheus operator. */
export interface ValuesMetricsPodMonitor {
  readonly enabled?: boolean;
  /** Whether the workers of the namespaces above are scraped beside the controllers. */
  readonly workers?: boolean;
  readonly labels?: Readonly<Record<string, unknown>>;
}

/** A PrometheusRule with the alerts of docs/guide/runbooks.md. */
export interface ValuesMetricsRules {
  readonly enabled?: boolean;
  readonly labels?: Readonly<Record<string, unknown>>;
}

/** A ConfigMap with the dashboards of docs/guide/monitoring.md, as the sidecar of Grafana's chart takes it. */
export interface ValuesMetricsDashboards {
  readonly enabled?: boolean;
  /** By which the sidecar knows it. */
  readonly labels?: Readonly<Record<string, unknown>>;
  /** What the sidecar reads beside it, such as `grafana_folder`. */
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** Roles of people. */
export interface ValuesRbac {
  /** Adds rights over Pipelines to the cluster roles view, edit and admin. */
  readonly aggregate?: boolean;
}

/** The image of `helm test` needs nothing beside the chart's own. */
export interface ValuesTests {
  readonly enabled?: boolean;
}
