// What the rounds come to: medians, spreads, and ratios of the same round.

/** How far losses of the same weights, images and groups may lie apart: after the first step, and after one update. */
const SAME_LOSS = [1e-3, 1e-2];

/** Of each case its rates and ratios: to PyTorch at its fastest, and to PyTorch with the same groups at its fastest. */
function rows(cases) {
  const torch = cases.filter(({ peer }) => peer.name === 'pytorch');
  const fastest = (some) => some.toSorted((a, b) => median(b.rates) - median(a.rates))[0];
  const bases = {
    fastest: fastest(torch),
    sameGroups: fastest(torch.filter(({ statistics }) => statistics === 'groups')),
  };
  const list = cases.map((one) => ({
    name: `${one.peer.name} ${one.name}`,
    rates: one.rates,
    imagesPerSecond: summary(one.rates),
    ratios: Object.fromEntries(
      Object.entries(bases)
        .filter(([, base]) => base)
        .map(([name, base]) => [name, summary(one.rates.map((rate, i) => rate / base.rates[i]))]),
    ),
    losses: one.losses,
    statistics: one.statistics,
    parameters: one.parameters,
    versions: one.versions,
  }));
  const named = Object.entries(bases).map(([name, base]) => [
    name,
    base ? `${base.peer.name} ${base.name}` : null,
  ]);
  return { list, bases: Object.fromEntries(named) };
}

/** Whether the same is computed. Cases with the same statistics have the same losses; all have as many parameters. */
function checks(list) {
  const found = [];
  for (const statistics of new Set(list.map((row) => row.statistics))) {
    for (const [step, allowed] of SAME_LOSS.entries()) {
      // What is slow has taken one step only.
      const alike = list.filter((row) => row.statistics === statistics && row.losses[step] !== undefined);
      if (alike.length < 2) continue;
      const losses = alike.map((row) => row.losses[step]);
      const apart = Math.max(...losses) - Math.min(...losses);
      const what = `loss of step ${step + 1}, BatchNorm by ${statistics}, ${alike.length} programs`;
      found.push({
        what,
        ok: apart <= allowed,
        text: `${losses[0].toFixed(4)}, apart by ${apart.toExponential(1)}`,
      });
    }
  }
  const counts = [...new Set(list.map((row) => row.parameters))];
  found.push({ what: 'parameters of the encoder', ok: counts.length < 2, text: counts.join(', ') });
  return found;
}

/** Whether all that was measured has computed the same. */
export function isSame(cases) {
  return checks(rows(cases).list).every(({ ok }) => ok);
}

export function jsonReport(found, cases) {
  const { list, bases } = rows(cases);
  return JSON.stringify({ ...found, bases, cases: list, checks: checks(list) }, null, 1);
}

export function textReport(found, cases) {
  const { list, bases } = rows(cases);
  const width = Math.max(...list.map(({ name }) => name.length), 8);
  const lines = [title(found), '', `${'images/s'.padStart(width + 24)}${'to PyTorch'.padStart(23)}`];
  for (const { name, imagesPerSecond, ratios } of list) {
    const cells = [spread(imagesPerSecond, 1), spread(ratios.fastest, 2), spread(ratios.sameGroups, 2)];
    lines.push(`${name.padEnd(width)}  ${cells.map((cell) => cell.padStart(22)).join(' ')}`);
  }
  return [...lines, '', ...notes(found, list, bases)].join('\n');
}

export function markdownReport(found, cases) {
  const { list, bases } = rows(cases);
  const lines = [
    `${title(found)}`,
    '',
    '| step by | images/s | to PyTorch at its fastest | to PyTorch with the same groups |',
    '| ------- | -------- | ------------------------- | ------------------------------- |',
  ];
  for (const { name, imagesPerSecond, ratios } of list) {
    lines.push(
      `| ${name} | ${spread(imagesPerSecond, 1)} | ${spread(ratios.fastest, 2)} | ${spread(ratios.sameGroups, 2)} |`,
    );
  }
  return [...lines, '', ...notes(found, list, bases).map((line) => `- ${line}`)].join('\n');
}

function title({ network, spec, rounds, steps, machine }) {
  const { arch, width, imageSize, batchSize, groups, queueSize, flopsPerImage, threads } = spec;
  return (
    `${network}: ${arch} width ${width}, ${imageSize} px, batch ${batchSize} in ${groups} groups, K ${queueSize}, ` +
    `${(flopsPerImage / 1e9).toFixed(2)} GFLOP an image; ${machine.cpu}, ${machine.cores} cores, ${threads} threads; ` +
    `medians (least–most) of ${rounds} alternating rounds of ${steps} step${steps > 1 ? 's' : ''}`
  );
}

function notes({ missing }, list, bases) {
  const versions = new Map(list.map(({ name, versions }) => [name.split(' ')[0], versions]));
  return [
    ...(bases.fastest
      ? [`PyTorch at its fastest: ${bases.fastest}; with the same groups: ${bases.sameGroups}`]
      : []),
    ...checks(list).map(({ what, ok, text }) => `${ok ? 'the same' : 'NOT THE SAME'}: ${what}: ${text}`),
    ...[...versions].map(([peer, told]) => `${peer}: ${pairs(told)}`),
    ...missing.map(({ name, why }) => `${name}: not measured: ${why}`),
  ];
}

function pairs(record) {
  return Object.entries(record)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function spread(values, digits) {
  if (!values) return '';
  const [middle, least, most] = [values.median, values.least, values.most].map((value) =>
    value.toFixed(digits),
  );
  return `${middle} (${least}–${most})`;
}

function summary(values) {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
