// Loss and accuracy of a run from its start, in at most a few thousand bins: when they run out, each takes in its neighbour.

const MOST = 4096;

export class CurveBins {
  stepsPerPoint = 1;
  private loss: number[] = [];
  private hits: number[] = [];
  private count: number[] = [];

  /** One step: the sums over its examples. */
  add(step: number, loss: number, hits: number, n: number): void {
    while (step >= MOST * this.stepsPerPoint) this.widen();
    const k = Math.floor(step / this.stepsPerPoint);
    for (let i = this.loss.length; i <= k; ++i) {
      this.loss.push(0);
      this.hits.push(0);
      this.count.push(0);
    }
    this.loss[k] += loss;
    this.hits[k] += hits;
    this.count[k] += n;
  }

  /** Forget all steps from this one on. */
  cut(step: number): void {
    const k = Math.floor(step / this.stepsPerPoint);
    // A bin that the cut goes through keeps its mean, which counts as one example: the steps to come outweigh it.
    if (k < this.count.length && step % this.stepsPerPoint && this.count[k]) {
      this.loss[k] /= this.count[k];
      this.hits[k] /= this.count[k];
      this.count[k] = 1;
    }
    const length = step % this.stepsPerPoint ? k + 1 : k;
    for (const column of [this.loss, this.hits, this.count])
      column.length = Math.min(column.length, length);
  }

  private widen(): void {
    this.stepsPerPoint *= 2;
    for (const column of [this.loss, this.hits, this.count]) {
      const half = Math.ceil(column.length / 2);
      for (let k = 0; k < half; ++k) column[k] = column[2 * k] + (column[2 * k + 1] ?? 0);
      column.length = half;
    }
  }

  points(): { stepsPerPoint: number; loss: Float64Array; accuracy: Float64Array } {
    return {
      stepsPerPoint: this.stepsPerPoint,
      loss: Float64Array.from(this.loss, (sum, k) => sum / this.count[k]),
      accuracy: Float64Array.from(this.hits, (sum, k) => sum / this.count[k]),
    };
  }
}
