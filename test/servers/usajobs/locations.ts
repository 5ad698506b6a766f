import { chicago, elsewhere, nameOf, type Place, suburbs } from './places.ts';
import type { Random } from './random.ts';

/** A location as the API shows it. */
export interface Location {
  LocationName: string;
  CountryCode: string;
  CountrySubDivisionCode: string;
  CityName: string;
  Longitude: number;
  Latitude: number;
}

const location = (place: Place, blank: string): Location => ({
  LocationName: `${blank}${nameOf(place)}`,
  CountryCode: 'United States',
  CountrySubDivisionCode: place.state,
  CityName: `${blank}${nameOf(place)}`,
  Longitude: place.longitude,
  Latitude: place.latitude,
});

/** A location that is no place: it lies at 0, 0. */
const nowhere = (name: string): Location => ({
  LocationName: name,
  CountryCode: 'United States',
  CountrySubDivisionCode: 'N/A',
  CityName: name,
  Longitude: 0,
  Latitude: 0,
});

/** Where a posting is; `far`: nowhere near Chicago. */
export function makeLocations(from: Random, modern: boolean, far: boolean): readonly Location[] {
  // The older answers put a blank before most names.
  const blank = () => (modern || from.chance(0.25) ? '' : ' ');
  if (far) return [location(from.pick(elsewhere), blank())];
  const kind = from.integer(1, 100);
  if (kind <= 8) return [nowhere(`${blank()}Location Negotiable After Selection, United States`)];
  if (kind <= 12) return [nowhere('Anywhere in the U.S. (remote job)')];
  const near = kind <= 55 ? chicago : from.pick(suburbs);
  const more = kind % 5 === 0 ? Array.from({ length: from.integer(1, 8) }, () => from.pick(elsewhere)) : [];
  return [...more, near].map((place) => location(place, blank()));
}

/** Newer answers also sum the locations up. */
export const describeLocations = (locations: readonly Location[], modern: boolean) => ({
  ...(modern && {
    PositionLocationDisplay: locations.length > 1 ? 'Multiple Locations' : (locations[0]?.LocationName ?? ''),
  }),
  PositionLocation: locations,
});

/** More locations than fit on a page, Chicago among them; each has a name of its own. */
export const hundredsOfLocations = (from: Random): readonly Location[] => [
  ...Array.from({ length: 420 }, (_, at) => {
    const near = from.pick(elsewhere);
    return location({ ...near, city: `${near.city} ${at + 1}` }, ' ');
  }),
  location(chicago, ' '),
];
