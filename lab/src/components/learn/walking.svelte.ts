// The walk through backpropagation: one image, one network that stands still, one parameter looked at.
import { chain, foundLoss, updated, walk, type Chain, type Walk } from "../../core/backprop";
import { forward, type Pass } from "../../core/forward";
import type { Model } from "../../engine/protocol";
import { learn } from "../../state/learn.svelte";

export const STAGES = ["forward", "loss", "delta", "gradient", "update"] as const;

class Walking {
  stage = $state(0);
  /** The neuron looked at; null: the output that should answer. */
  #chosen = $state.raw<{ layer: number; j: number } | null>(null);
  #i = $state<number | null | undefined>(undefined);
  /** The learning rate of this one step; null: that of the run. */
  eta = $state<number | null>(null);
  after = $state(false);

  rate = $derived(this.eta ?? learn.main.settings.learningRate);
  of: Walk | null = $derived.by(() => {
    const { example } = learn;
    if (!example) return null;
    return walk(learn.main.model, example.pixels, [example.label], this.rate);
  });
  selected = $derived.by(() => {
    const { layers } = learn.main.model;
    const L = layers.length;
    const chosen = this.#chosen;
    if (chosen && chosen.layer <= L && chosen.j < layers[chosen.layer - 1].nOut) return chosen;
    return { layer: L, j: learn.example?.label ?? 0 };
  });
  /** Which of the neuron's inputs; null: its bias. At first the one with the largest gradient. */
  i: number | null = $derived.by(() => {
    const { layer, j } = this.selected;
    const { nIn } = learn.main.model.layers[layer - 1];
    if (this.#i === null || (this.#i !== undefined && this.#i < nIn)) return this.#i;
    const g = this.of?.dW[layer];
    let best = 0;
    if (g)
      for (let i = 1; i < nIn; i++)
        if (Math.abs(g[j * nIn + i]) > Math.abs(g[j * nIn + best])) best = i;
    return best;
  });
  chain: Chain | null = $derived.by(() => {
    const { layer, j } = this.selected;
    return this.of ? chain(this.of, layer, j, this.i) : null;
  });
  next: { model: Model; pass: Pass; loss: number } | null = $derived.by(() => {
    if (!this.of || !learn.example) return null;
    const model = updated(this.of);
    return { model, pass: forward(model, learn.example.pixels), loss: foundLoss(this.of) };
  });
  /** What the picture of the network shows. */
  shown: { model: Model; pass: Pass } | null = $derived.by(() => {
    if (this.stage === 4 && this.after && this.next) return this.next;
    return this.of ? { model: this.of.model, pass: this.of.passes[0] } : null;
  });

  choose(layer: number, j: number): void {
    this.#chosen = { layer, j };
    this.#i = undefined;
  }
  at(layer: number, j: number, i: number | null): void {
    this.#chosen = { layer, j };
    this.#i = i;
  }
  /** Another image: everything from its beginning. */
  restart(): void {
    this.#chosen = null;
    this.#i = undefined;
    this.after = false;
  }
}

export const walking = new Walking();
