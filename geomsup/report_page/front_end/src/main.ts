// Unpack the data of the page and show it. To add a kind of page: a module in kinds, and an entry here.

import { el } from "./dom";
import { atlas } from "./kinds/atlas";
import { census } from "./kinds/census";
import { claim } from "./kinds/claim";
import { geometry } from "./kinds/geometry";
import { sweep } from "./kinds/sweep";
import { timeline } from "./kinds/timeline";
import { unpacked, type Payload } from "./payload";

const KINDS: Record<string, (payload: Payload, root: HTMLElement) => void> = { atlas, census, claim, geometry, sweep, timeline };

async function main(): Promise<void> {
  const root = document.getElementById("page")!;
  try {
    const payload = await unpacked(document.getElementById("data")!.textContent!);
    document.getElementById("data")!.remove();
    KINDS[payload.words.kind](payload, root);
    document.documentElement.dataset.ready = payload.words.kind;
  } catch (error) {
    root.replaceChildren(el("p", { class: "failed", role: "alert" }, `This page cannot be shown: ${error instanceof Error ? error.message : error}`));
    throw error;
  }
}

void main();
