/** Files of other programs that a checkpoint may be written to. */

/**
 * moco: what main_moco.py of facebookresearch/moco resumes; torchvision: the encoder's state_dict, head as `fc`; detectron2: the
 * pickle that its loader reads; safetensors: the state_dict's names.
 */
export const WEIGHT_FORMATS = ['moco', 'torchvision', 'detectron2', 'safetensors'] as const;
export type WeightFormat = (typeof WEIGHT_FORMATS)[number];
