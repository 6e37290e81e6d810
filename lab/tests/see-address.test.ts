import { describe, expect, it } from "vitest";
import { HOME, readAddress, writeAddress, type Address } from "../src/state/address";

describe("the address of the page", () => {
  it("comes back whole: depth, place, step, looks, settings, seed, drawing", () => {
    const address: Address = {
      depth: "lessons",
      place: "what-a-neuron-is",
      step: 3,
      language: "zh",
      theme: "chalkboard",
      print: "large",
      settings: {
        sizes: [784, 30, 10],
        activation: "leaky_relu",
        output: "softmax",
        loss: "cross_entropy",
        initializer: "he",
        optimizer: "adam",
        seed: 2 ** 53 - 1,
        learningRate: 0.002,
        momentum: 0.9,
        batchSize: 64,
        l1: 1e-5,
        l2: 0,
        dropout: 0.25,
        augmentation: 1,
        nExamples: 20000,
      },
      drawing: "t185.dAAAAPMPM",
    };
    expect(readAddress(writeAddress(address))).toEqual(address);
  });

  it("is short at home", () => {
    expect(writeAddress(HOME)).toBe("#see");
    expect(readAddress("")).toEqual(HOME);
  });

  it("leaves out what makes no sense and keeps the rest", () => {
    const address = readAddress(
      "#nowhere/../x?step=-1&lang=fr&theme=paper&sizes=784-x-10&learningRate=fast&seed=7&optimizer=<b>",
    );
    expect(address).toEqual({ ...HOME, theme: "paper", settings: { seed: 7 } });
  });
});
