/** The networks whose steps are measured, by name; `small` is for software adapters, and says nothing of speed. */
export const NETWORKS = {
  small: { arch: 'resnet18', width: 4, imageSize: 16, dim: 16, queueSize: 64 },
  r18w16: { arch: 'resnet18', width: 16, imageSize: 32, dim: 128, queueSize: 4096 },
  r18: { arch: 'resnet18', width: 64, imageSize: 32, dim: 128, queueSize: 4096 },
  r50: { arch: 'resnet50', width: 64, imageSize: 224, dim: 128, queueSize: 65536 },
};
