/** What `doctor --model` says, in words. */
import type { AuditedNode, AuditReport } from '../autodiff/audit.ts';
import type { Verdict } from '../autodiff/providers.ts';
import type { UnreadNode } from '../onnx/import/unread.ts';

export interface ModelAudit {
  readonly file: string;
  /** What keeps the model from being read at all, in words; null where it is read. */
  readonly obstacle: string | null;
  /** The nodes that we have no form for. */
  readonly unread: readonly UnreadNode[];
  /** What reading has changed or dropped. */
  readonly notes: readonly string[];
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
export function auditLines({ file, obstacle, unread, notes, audits }: ModelAudit): string[] {
  if (obstacle !== null) {
    const rows = unread.map(({ node, op }) => [`  ${op}`, node, 'not supported']);
    return [...aligned(rows), `${file}: cannot be read: ${obstacle}`];
  }
  return [...notes.map((note) => `note: ${note}`), ...audits.flatMap((audit) => linesOf(audit))];
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
    groups.set(key, [...(groups.get(key) ?? []), node]);
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
