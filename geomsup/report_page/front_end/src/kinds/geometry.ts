// The page of a report: payload of geometry.py.

import { Linked } from "../linked";
import type { Payload } from "../payload";

export function geometry(payload: Payload, root: HTMLElement): void {
  const page = new Linked(payload);
  page.mount(root, [page.components(), page.features()]);
}
