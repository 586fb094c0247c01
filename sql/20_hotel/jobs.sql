SELECT tenfold._declare_job('hotel_purge_removed', 'hotel', '7 3 * * *', 'SELECT hotel.purge_removed()',
  'hotels removed a month ago are gone', '10 min');
SELECT tenfold._declare_job('hotel_purge_rejected', 'hotel', '8 3 * * *', 'SELECT hotel.purge_rejected()',
  'rejected rows of loads are kept a month', '10 min');
