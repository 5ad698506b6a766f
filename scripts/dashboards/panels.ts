import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  type DataSourceRef,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Timeseries } from '@grafana/grafana-foundation-sdk/timeseries';

/** What every panel has; a description says what is shown and what to do when it is not as it should be. */
export interface Words {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  /** Columns of 24, and rows of the grid. */
  readonly size: readonly [width: number, height: number];
  readonly datasource: DataSourceRef;
  readonly queries: readonly Builder<Dataquery>[];
}

/** What the builders of all kinds of panels can do. */
interface AnyPanel {
  title(title: string): this;
  description(description: string): this;
  unit(unit: string): this;
  datasource(datasource: DataSourceRef): this;
  span(width: number): this;
  height(height: number): this;
  targets(targets: Builder<Dataquery>[]): this;
}

/** A panel with its words, place and queries. */
export const described = <Panel extends AnyPanel>(panel: Panel, words: Words): Panel =>
  panel
    .title(words.title)
    .description(words.description)
    .unit(words.unit)
    .datasource(words.datasource)
    .span(words.size[0])
    .height(words.size[1])
    .targets([...words.queries]);

/** One or a few figures, coloured by what they mean. */
export const stat = (words: Words, steps: readonly Threshold[]): Stat =>
  described(new Stat(), words)
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.None)
    .textMode(words.queries.length > 1 ? BigValueTextMode.ValueAndName : BigValueTextMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false))
    .thresholds(thresholds(steps));

/** Lines over time. */
export const lines = (words: Words): Timeseries =>
  overTime(words).lineWidth(1).fillOpacity(8).showPoints(VisibilityMode.Auto);

/** Bars over time, one on the other: how many came in each interval. */
export const bars = (words: Words): Timeseries =>
  overTime(words)
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .lineWidth(0)
    .barWidthFactor(0.8)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));

const overTime = (words: Words): Timeseries =>
  described(new Timeseries(), words)
    .min(0)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .legend(legend())
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));

/** A legend below, without figures: the tooltip has them. */
export const legend = (): VizLegendOptionsBuilder =>
  new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
    .calcs([]);

export const thresholds = (steps: readonly Threshold[]): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps]);

/** Nothing to judge. */
export const plain: readonly Threshold[] = [{ value: null, color: 'text' }];

/** None is good. */
export const noneIsGood = (color = 'red'): readonly Threshold[] => [
  { value: null, color: 'green' },
  { value: 1, color },
];

/** 1 is good, 0 is not. */
export const yesIsGood: readonly Threshold[] = [
  { value: null, color: 'red' },
  { value: 1, color: 'green' },
];

/** Words for values. */
export const mapped = (words: Readonly<Record<string, string>>): ValueMapping[] => [
  {
    type: MappingType.ValueToText,
    options: Object.fromEntries(Object.entries(words).map(([value, text], index) => [value, { text, index }])),
  },
];

/** How one column of a table, or one series, differs from the others. */
export const only = (settings: Readonly<Record<string, unknown>>): DynamicConfigValue[] =>
  Object.entries(settings).map(([id, value]) => ({ id, value }));

/** One colour for what has this name. */
export const coloured = (color: string): DynamicConfigValue[] => only({ color: { mode: 'fixed', fixedColor: color } });
