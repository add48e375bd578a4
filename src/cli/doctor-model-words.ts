/** What `doctor --model` says, in words. */
import type { AuditedNode, AuditReport } from '../autodiff/audit.ts';
import type { Verdict } from '../autodiff/providers.ts';
import type { UnreadNode } from '../onnx/import/unread.ts';
import type { Role } from '../onnx/import/weights.ts';

export interface ModelAudit {
  readonly file: string;
  /** What keeps the model from being read at all, in words; null where it is read. */
  readonly obstacle: string | null;
  /** The nodes that we have no form for. */
  readonly unread: readonly UnreadNode[];
  /** What reading has changed or dropped. */
  readonly notes: readonly string[];
  /** Side in pixels, and their normalization; null: the preset's. */
  readonly images: { readonly size: number; readonly normalize: string | null } | null;
  /** What the projection head takes, in words. */
  readonly features: string;
  /** Of each initializer and parameter of the encoder, whether it is trained, and why. */
  readonly roles: readonly Role[];
  /** One for each provider asked for; none where the model is not read. */
  readonly audits: readonly AuditReport[];
  /** Whether the model runs and trains on each of these. */
  readonly ok: boolean;
}

const NAMES = { wasm: 'wasm', webgpu: 'WebGPU', native: 'native' } as const;

const VERDICTS: Readonly<Record<Verdict, string>> = {
  runs: 'runs',
  refused: 'is refused',
  fails: 'fails when it runs',
  wrong: 'gives wrong values',
  cpu: 'is left to the CPU',
};

/** Nodes alike from here on are told in one line. */
const MANY = 4;

/** A line each. */
export function auditLines(audit: ModelAudit): string[] {
  const { file, obstacle, unread, notes, images, features, roles, audits } = audit;
  if (obstacle !== null) {
    const rows = unread.map(({ node, op }) => [`  ${op}`, node, 'not supported']);
    return [...aligned(rows), `${file}: cannot be read: ${obstacle}`];
  }
  const { size = 0, normalize = null } = images ?? {};
  return [
    ...notes.map((note) => `note: ${note}`),
    `images: ${size} px, normalize ${normalize ?? 'as the preset has it'}; features: ${features}`,
    ...aligned(roles.filter(({ role }) => role !== 'trained').map((entry) => rowOf(entry))),
    ...totals(roles),
    ...audits.flatMap((each) => linesOf(each)),
  ];
}

function rowOf({ name, elements, role, why }: Role): [string, string, string] {
  return [role === 'frozen' ? '  frozen' : '  moves', `${name} (${elements})`, why];
}

/** `trained: 12 initializers, 5345 values (parameter of a layer: 10, …)`, and the same of the others. */
function totals(roles: readonly Role[]): string[] {
  return (['trained', 'frozen', 'statistics'] as const).flatMap((role) => {
    const own = roles.filter((entry) => entry.role === role);
    if (own.length === 0) return [];
    const reasons = new Map<string, number>();
    for (const { why } of own) reasons.set(why, (reasons.get(why) ?? 0) + 1);
    const why = [...reasons].map(([reason, count]) => `${reason}: ${count}`).join(', ');
    const values = own.reduce((sum, { elements }) => sum + elements, 0);
    const of = own.length === 1 ? 'initializer' : 'initializers';
    return [`${role}: ${own.length} ${of}, ${values} ${values === 1 ? 'value' : 'values'} (${why})`];
  });
}

function linesOf(audit: AuditReport): string[] {
  const { provider, nodes, counts, ok } = audit;
  const rows = groupsOf(nodes).flatMap((group) => {
    if (group.length < MANY) return group.map((node) => [`  ${node.op}`, node.node, wordsOf(node)]);
    const [first] = group as [AuditedNode];
    return [[`  ${first.op}`, `${group.length} nodes, from ${first.node} on`, wordsOf(first)]];
  });
  const parts = [
    counts.rewritten > 0 ? `${counts.rewritten} rewritten` : '',
    counts.unrunnable > 0 ? `${counts.unrunnable} would NOT run` : '',
    counts.undifferentiable > 0 ? `${counts.undifferentiable} have NO gradient` : '',
  ].filter((part) => part !== '');
  const found = parts.length > 0 ? parts.join(', ') : 'all run as they are';
  const end = ok ? 'the model runs and trains' : 'the model does not train as it is';
  return [
    ...aligned(rows),
    `${NAMES[provider]}: ${counts.nodes} ${counts.nodes === 1 ? 'node' : 'nodes'}, ${found}: ${end}`,
  ];
}

/** Nodes of one operator of which the same is to be said. */
function groupsOf(nodes: readonly AuditedNode[]): AuditedNode[][] {
  const groups = new Map<string, AuditedNode[]>();
  for (const node of nodes) {
    const key = `${node.op} ${wordsOf(node)}`;
    const group = groups.get(key);
    if (group) group.push(node);
    else groups.set(key, [node]);
  }
  return [...groups.values()];
}

function wordsOf({ verdict, reason, rewrite, differentiable }: AuditedNode): string {
  const place = verdict === 'runs' ? '' : VERDICTS[verdict];
  const fate = verdict === 'runs' ? '' : rewrite === null ? 'NOT rewritten' : `written as ${rewrite}`;
  const gradient = differentiable ? '' : 'NO gradient';
  const words = [place, fate, gradient].filter((part) => part !== '').join(', ');
  return `${words} (${reason})`;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  return rows.map(([op = '', node = '', words = '']) =>
    [op.padEnd(widths[0]!), node.padEnd(widths[1]!), words].join('  '),
  );
}
