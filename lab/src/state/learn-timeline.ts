// What held at which step of a run, from what it began with and the changes recorded: images seen, epochs, settings.
import type { Change, Curve, RecordedChange, Settings } from "../engine/protocol";

interface Stretch {
  step: number;
  images: number;
  epochs: number;
  settings: Settings;
}

export interface Timeline {
  imagesAt(step: number): number;
  /** The step before which so many images have been seen: the least. */
  stepAt(images: number): number;
  epochAt(step: number): number;
  settingsAt(step: number): Settings;
}

const perEpoch = ({ nExamples, batchSize }: Settings): number =>
  Math.ceil(nExamples / Math.min(batchSize, nExamples));

function imagesFrom(of: Stretch, step: number): number {
  const { nExamples, batchSize } = of.settings;
  const steps = perEpoch(of.settings);
  const whole = Math.floor((step - of.step) / steps);
  const part = (step - of.step) % steps;
  return of.images + whole * nExamples + Math.min(part * batchSize, nExamples);
}

/** A change of the batch size or of the amount of data begins a new stretch, in which epochs are counted anew. */
export function timeline(start: Settings, changes: RecordedChange[]): Timeline {
  const stretches: Stretch[] = [{ step: 0, images: 0, epochs: 0, settings: start }];
  const held: { step: number; settings: Settings }[] = [{ step: 0, settings: start }];
  for (const { step, change } of changes) {
    const before = held[held.length - 1].settings;
    const settings = { ...before, ...change };
    held.push({ step, settings });
    if (settings.batchSize !== before.batchSize || settings.nExamples !== before.nExamples) {
      const last = stretches[stretches.length - 1];
      stretches.push({
        step,
        images: imagesFrom(last, step),
        epochs: last.epochs + (step - last.step) / perEpoch(last.settings),
        settings,
      });
    }
  }
  const at = <T extends { step: number }>(list: T[], step: number): T => {
    let found = list[0];
    for (const one of list) if (one.step <= step) found = one;
    return found;
  };
  const imagesAt = (step: number): number => imagesFrom(at(stretches, step), step);
  return {
    imagesAt,
    stepAt(images) {
      let found = stretches[0];
      for (const one of stretches) if (one.images <= images) found = one;
      const { nExamples, batchSize } = found.settings;
      const rest = images - found.images;
      const whole = Math.floor(rest / nExamples);
      const part = Math.ceil((rest - whole * nExamples) / Math.min(batchSize, nExamples));
      return found.step + whole * perEpoch(found.settings) + part;
    },
    epochAt(step) {
      const of = at(stretches, step);
      return of.epochs + (step - of.step) / perEpoch(of.settings);
    },
    settingsAt: (step) => at(held, step).settings,
  };
}

export interface ChangedPart {
  name: keyof Change;
  from: number | string;
  to: number | string;
}

/** The recorded changes with what each name was before; what changed nothing is left out. */
export function changesSaid(
  start: Settings,
  changes: RecordedChange[],
): { step: number; parts: ChangedPart[] }[] {
  let before = start;
  const said: { step: number; parts: ChangedPart[] }[] = [];
  for (const { step, change } of changes) {
    const parts = (Object.keys(change) as (keyof Change)[])
      .filter((name) => change[name] !== undefined && change[name] !== before[name])
      .map((name): ChangedPart => ({ name, from: before[name], to: change[name] ?? before[name] }));
    before = { ...before, ...change };
    const last = said[said.length - 1];
    if (last?.step === step) {
      // Several at one step: from what it was to what it is.
      for (const part of parts) {
        const same = last.parts.find((one) => one.name === part.name);
        if (same) same.to = part.to;
        else last.parts.push(part);
      }
    } else if (parts.length) said.push({ step, parts });
  }
  return said;
}

export interface Windowed {
  /** images seen at the end of each window */
  images: number[];
  steps: number[];
  loss: number[];
  accuracy: number[];
}

/** The curve in at most n windows of equally many steps: means over the examples of each. */
export function windows(curve: Curve, of: Timeline, n = 160): Windowed {
  const length = curve.loss.length;
  const size = Math.max(1, Math.ceil(length / n));
  const out: Windowed = { images: [], steps: [], loss: [], accuracy: [] };
  for (let begin = 0; begin < length; begin += size) {
    const end = Math.min(length, begin + size);
    let [weight, loss, accuracy] = [0, 0, 0];
    for (let k = begin; k < end; k++) {
      if (!Number.isFinite(curve.loss[k])) continue;
      weight += 1;
      loss += curve.loss[k];
      accuracy += curve.accuracy[k];
    }
    if (!weight) continue;
    const step = end * curve.stepsPerPoint;
    out.steps.push(step);
    out.images.push(of.imagesAt(step));
    out.loss.push(loss / weight);
    out.accuracy.push(accuracy / weight);
  }
  return out;
}

/** The first number of images after which the mean accuracy over about `over` images reached a value; null: never. */
export function reached(
  curve: Curve,
  of: Timeline,
  accuracy: number,
  over = 1000,
): { images: number; step: number } | null {
  let [sum, begin] = [0, 0];
  for (let k = 0; k < curve.accuracy.length; k++) {
    sum += curve.accuracy[k];
    const seen = of.imagesAt((k + 1) * curve.stepsPerPoint);
    while (begin < k && seen - of.imagesAt((begin + 1) * curve.stepsPerPoint) >= over)
      sum -= curve.accuracy[begin++];
    const covered = seen - of.imagesAt(begin * curve.stepsPerPoint);
    if (covered >= over && sum / (k + 1 - begin) >= accuracy)
      return { images: seen, step: (k + 1) * curve.stepsPerPoint };
  }
  return null;
}

/** By when half of what is learnt by now had been learnt: accuracy half way from the start to now. Null: too early. */
export function halfLearnt(
  curve: Curve,
  of: Timeline,
): { images: number; from: number; now: number } | null {
  const { accuracy, stepsPerPoint } = curve;
  const all = of.imagesAt(accuracy.length * stepsPerPoint);
  if (all < 5000) return null;
  const mean = (begin: number, end: number): number => {
    let sum = 0;
    for (let k = begin; k < end; k++) sum += accuracy[k];
    return sum / (end - begin);
  };
  let [first, last] = [1, accuracy.length - 1];
  while (first < accuracy.length && of.imagesAt(first * stepsPerPoint) < 300) first++;
  while (last > 0 && all - of.imagesAt(last * stepsPerPoint) < 2000) last--;
  const [from, now] = [mean(0, first), mean(last, accuracy.length)];
  if (now - from < 0.3) return null;
  const half = reached(curve, of, (from + now) / 2, 500);
  return half && { images: half.images, from, now };
}
