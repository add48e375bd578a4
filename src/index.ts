export { type ErrorCode, MocoError } from './errors.ts';
