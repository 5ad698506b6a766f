import { join } from 'node:path';
import { clusterDomain } from './names.ts';
import { networkPlugins } from './nodeBinaries.ts';
import { podNetwork } from './nodeNamespaces.ts';

/** The image that holds the namespaces of each pod. */
export const pauseImage = 'jobpulse.test/pause:1';

/** Where the container runtime listens. Its state is in memory, the images are in the folder of the node. */
export const runtimeSocket = (folder: string): string => join(folder, 'containerd.sock');

export const containerdConfig = (folder: string): string => `
version = 2
root = "${join(folder, 'containerd')}"
state = "/run/containerd"
[grpc]
  address = "${runtimeSocket(folder)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Root in a sandbox may not make a process less likely to be ended when memory is short.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${networkPlugins}"
    conf_dir = "${join(folder, 'network')}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;

/** Each pod has a cable to the node, which routes. A bridge would let answers past the rules of Services. */
export const networkConfig = {
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: podNetwork }]],
        routes: [{ dst: '0.0.0.0/0' }],
        dataDir: '/run/pod-addresses',
      },
    },
  ],
};

/** `nameServer`: where pods ask for the addresses of names. */
export const kubeletConfig = (folder: string, nameServer: string) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  containerRuntimeEndpoint: `unix://${runtimeSocket(folder)}`,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: join(folder, 'ca.crt') },
  },
  authorization: { mode: 'Webhook' },
  failSwapOn: false,
  // Nothing of this machine's own names.
  resolvConf: join(folder, 'resolv.conf'),
  clusterDomain,
  clusterDNS: [nameServer],
  podLogsDir: join(folder, 'pods'),
  volumePluginDir: join(folder, 'volume-plugins'),
  imageGCHighThresholdPercent: 100,
  // A disk that others filled is no reason to have no test.
  evictionHard: {
    'nodefs.available': '0%',
    'imagefs.available': '0%',
    'nodefs.inodesFree': '0%',
    'memory.available': '100Mi',
  },
  nodeStatusUpdateFrequency: '2s',
  syncFrequency: '10s',
});

export const proxyConfig = (kubeconfig: string) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'nftables',
  clusterCIDR: podNetwork,
  clientConnection: { kubeconfig },
  hostnameOverride: nodeName,
  // The limits of the kernel stay as they are.
  conntrack: { maxPerCore: 0, min: 0, tcpCloseWaitTimeout: '0s', tcpEstablishedTimeout: '0s' },
});

export const nodeName = 'node-1';
