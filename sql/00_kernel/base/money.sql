-- Money is kept in minor units, as bigint with an ISO 4217 code beside it: no rounding, no point. Decimals are for people.

CREATE OR REPLACE FUNCTION tenfold.currency_digits(currency text) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF',
    'XPF') THEN 0
  WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
  WHEN currency IN ('CLF', 'UYW') THEN 4 ELSE 2 END;
COMMENT ON FUNCTION tenfold.currency_digits IS
  'how many digits an amount has after the point, by ISO 4217: 2 of a currency that it does not list otherwise';

CREATE OR REPLACE FUNCTION tenfold.to_minor(amount numeric, currency text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  digits int := tenfold.currency_digits(currency);
  units numeric := amount * 10::numeric ^ digits;
BEGIN
  IF units <> trunc(units) OR units IN ('NaN', 'Infinity', '-Infinity') THEN
    RAISE EXCEPTION '% is no amount of %', left(amount::text, 100), currency
      USING ERRCODE = '22023', HINT = format('%s has %s digits after the point.', currency, digits);
  END IF;
  RETURN units;
END
$$;
COMMENT ON FUNCTION tenfold.to_minor IS
  'a decimal amount in minor units: 99.5 USD is 9950, 99 JPY is 99. Errors: 22023 more digits than the currency has, 22003 too large';

CREATE OR REPLACE FUNCTION tenfold.from_minor(minor bigint, currency text) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN round(minor / 10::numeric ^ tenfold.currency_digits(currency), tenfold.currency_digits(currency));
COMMENT ON FUNCTION tenfold.from_minor IS 'minor units as a decimal amount: 9950 of USD is 99.50';

-- From the Unicode CLDR: what is legal tender there, the country's own where there are two.
CREATE OR REPLACE FUNCTION tenfold.currency_of(country text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  known CONSTANT text :=
    ' ADEUR AEAED AFAFN AGXCD AIXCD ALALL AMAMD AOAOA ARARS ASUSD ATEUR AUAUD AWAWG AXEUR AZAZN BABAM BBBBD BDBDT' ||
    ' BEEUR BFXOF BGEUR BHBHD BIBIF BJXOF BLEUR BMBMD BNBND BOBOB BQUSD BRBRL BSBSD BTBTN BVNOK BWBWP BYBYN BZBZD' ||
    ' CACAD CCAUD CDCDF CFXAF CGXAF CHCHF CIXOF CKNZD CLCLP CMXAF CNCNY COCOP CRCRC CUCUP CVCVE CWXCG CXAUD CYEUR' ||
    ' CZCZK DEEUR DJDJF DKDKK DMXCD DODOP DZDZD ECUSD EEEUR EGEGP EHMAD ERERN ESEUR ETETB FIEUR FJFJD FKFKP FMUSD' ||
    ' FODKK FREUR GAXAF GBGBP GDXCD GEGEL GFEUR GGGBP GHGHS GIGIP GLDKK GMGMD GNGNF GPEUR GQXAF GREUR GSGBP GTGTQ' ||
    ' GUUSD GWXOF GYGYD HKHKD HMAUD HNHNL HREUR HTHTG HUHUF IDIDR IEEUR ILILS IMGBP ININR IOUSD IQIQD IRIRR ISISK' ||
    ' ITEUR JEGBP JMJMD JOJOD JPJPY KEKES KGKGS KHKHR KIAUD KMKMF KNXCD KPKPW KRKRW KWKWD KYKYD KZKZT LALAK LBLBP' ||
    ' LCXCD LICHF LKLKR LRLRD LSLSL LTEUR LUEUR LVEUR LYLYD MAMAD MCEUR MDMDL MEEUR MFEUR MGMGA MHUSD MKMKD MLXOF' ||
    ' MMMMK MNMNT MOMOP MPUSD MQEUR MRMRU MSXCD MTEUR MUMUR MVMVR MWMWK MXMXN MYMYR MZMZN NANAD NCXPF NEXOF NFAUD' ||
    ' NGNGN NINIO NLEUR NONOK NPNPR NRAUD NUNZD NZNZD OMOMR PAPAB PEPEN PFXPF PGPGK PHPHP PKPKR PLPLN PMEUR PNNZD' ||
    ' PRUSD PSILS PTEUR PWUSD PYPYG QAQAR REEUR RORON RSRSD RURUB RWRWF SASAR SBSBD SCSCR SDSDG SESEK SGSGD SHSHP' ||
    ' SIEUR SJNOK SKEUR SLSLE SMEUR SNXOF SOSOS SRSRD SSSSP STSTN SVUSD SXXCG SYSYP SZSZL TCUSD TDXAF TFEUR TGXOF' ||
    ' THTHB TJTJS TKNZD TLUSD TMTMT TNTND TOTOP TRTRY TTTTD TVAUD TWTWD TZTZS UAUAH UGUGX UMUSD USUSD UYUYU UZUZS' ||
    ' VAEUR VCXCD VEVES VGUSD VIUSD VNVND VUVUV WFXPF WSWST XKEUR YEYER YTEUR ZAZAR ZMZMW ZWUSD';
BEGIN
  RETURN substr(known, nullif(strpos(known, ' ' || country), 0) + 3, CASE length(country) WHEN 2 THEN 3 END);
END
$$;
COMMENT ON FUNCTION tenfold.currency_of IS 'the ISO 4217 code of the money of a country (ISO 3166-1 alpha-2); NULL where none is known';

CREATE OR REPLACE FUNCTION tenfold.is_currency(currency text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  known CONSTANT text :=
    ' AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC' ||
    ' CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK' ||
    ' JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR' ||
    ' MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP' ||
    ' STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW' ||
    ' ZWG ';
BEGIN
  RETURN length(currency) = 3 AND strpos(known, ' ' || currency || ' ') > 0;
END
$$;
COMMENT ON FUNCTION tenfold.is_currency IS
  'whether this ISO 4217 code is of money that one can pay with: no metals, no units of account (XAU, XDR, CLF), no tests (XTS), none (XXX)';
