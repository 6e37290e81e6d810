// How large the gradient is in each layer of a network before it has learnt anything.
import { walk } from "../../core/backprop";
import { initialModel } from "../../core/initial";

/** |dC/dW| per parameter of layers 1 … n + 1 (root mean square), for n hidden layers of 16, on the examples given. */
export function gradients(
  activation: "sigmoid" | "relu",
  nHidden: number,
  pixels: Uint8Array,
  labels: ArrayLike<number>,
  seed = 0,
): number[] {
  const model = initialModel({
    sizes: [784, ...Array<number>(nHidden).fill(16), 10],
    activation,
    output: "softmax",
    loss: "cross_entropy",
    initializer: "auto",
    seed,
  });
  const { layerNorms } = walk(model, pixels, labels);
  return model.layers.map((l, k) => layerNorms[k + 1] / Math.sqrt(l.W.length + l.b.length));
}
