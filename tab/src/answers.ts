// What the server answers, as the plugin's HTTP interface states it.

export interface RunEvent {
  name: string;
  probe?: string | null;
  step: number;
  detected_at?: number | null;
  strength?: number | null;
  headline?: string;
  message?: string;
}

export type Metadatum = string | number | boolean | null;

export interface RunState {
  name: string;
  monitor: string;
  metadata: Record<string, Metadatum>;
  events: RunEvent[];
  verdicts: Record<string, string>;
  last: number | null;
  planned: number | null;
  ended: boolean;
  continues: string | null;
  problem?: string | null;
}

export interface MapState {
  key: string;
  title: string;
  probe: string;
  trained: boolean;
  samples: number;
  classes: number;
  labelled: boolean;
  class_names: string[] | null;
  sketched: boolean;
  runs: string[];
  records: number;
  revision: string;
}

export interface State {
  format: number;
  problem: string | null;
  revision: string;
  maps: MapState[];
  runs: RunState[];
}

export type Point = [number, number, number];

export interface MapAnswer {
  key: string;
  revision: string;
  runs: string[];
  member: number[];
  steps: number[];
  wall: number[];
  coordinates: Point[];
  path: Point[] | null;
  ignorance?: Point | null;
  eigenvalues: number[];
  timelike: boolean[];
  stress: number;
  landmarks: number | null;
  thinned?: number;
  samples_used: number;
  curves: Record<string, (number | null)[]>;
}

export interface Item {
  sample: number;
  label: number | null;
  predicted: number;
  p: number | null;
  p_predicted?: number | null;
  mean_p?: number | null;
  since?: number | null; // the step from which on it has been right
  moved: number | null;
  course: (number | null)[];
  picture: boolean;
  distance?: number | null;
  other?: { predicted: number; p: number | null };
}

export interface SamplesAnswer {
  run: string;
  step: number;
  before: number | null;
  steps: number[];
  lists: Record<string, Item[] | null>;
  totals?: Record<string, number>;
}

export interface CartographyAnswer {
  samples: number[];
  confidence: (number | null)[];
  variability: (number | null)[];
  correctness: (number | null)[];
  forgetting: (number | null)[];
  area_under_margin: (number | null)[];
  label: (number | null)[];
  predicted: number[];
  picture: boolean[];
  ranked: number[];
}

export interface SampleAnswer {
  sample: number;
  label: number | null;
  steps: number[];
  p: (number | null)[];
  predicted: number[];
  probabilities: number[][] | null;
}

export interface PairAnswer {
  a: string;
  b: string;
  progress: number[];
  distance: (number | null)[];
  steps: [number[], number[]];
  classes: { class: number; distance: number }[];
  samples: Item[];
  total?: number;
}
