/**
 * The words for what learns, as settings and checkpoints have them: registry.ts has the optimizers and schedule.ts the schedules, which a
 * page's own thread never runs and so never loads. The compiler refuses one that is not in both.
 */
export const OPTIMIZER_NAMES = ['sgd', 'lars', 'adamw'] as const;
export type OptimizerName = (typeof OPTIMIZER_NAMES)[number];

export const SCHEDULES = ['cosine', 'cosine-by-step', 'step', 'thirds'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];
